/** The tables, as drizzle sees them; `migrations/` is generated from here. */

import type { Sealed, SealedBatchKey, Seed, Token } from "@org/masking";
import { sql } from "drizzle-orm";
import {
  customType,
  date,
  integer,
  pgSchema,
  pgTable,
  primaryKey,
  timestamp,
  uuid,
  varchar,
} from "drizzle-orm/pg-core";

const bytea = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });
const utcToday = sql`(now() AT TIME ZONE 'UTC')::date`;
const sentAt = () => timestamp("sent_at", { withTimezone: true }).notNull();
/** The UTC date of `sent_at`: the same at every redelivery, and what the months are cut by. */
const createDate = () => date("create_date").notNull();
/** UUIDv7, made by the consumer: near-sequential, so that index pages stay hot. */
const recordId = () => uuid("record_id").notNull();

export const maskline = pgSchema("maskline");

/** What became of a message. */
export const outcome = maskline.enum("outcome", ["row", "quarantined"]);

/** The masked logins: what analysts read. Partitioned by month. */
export const userLogins = pgTable(
  "user_logins",
  {
    userId: varchar("user_id", { length: 128 }).notNull(),
    deviceType: varchar("device_type", { length: 32 }).notNull(),
    maskedIp: varchar("masked_ip", { length: 256 }).$type<Token>().notNull(),
    maskedDeviceId: varchar("masked_device_id", { length: 256 }).$type<Token>().notNull(),
    locale: varchar("locale", { length: 32 }),
    appVersion: integer("app_version"),
    createDate: createDate(),
    appVersionText: varchar("app_version_text", { length: 32 }),
    messageId: uuid("message_id").notNull(),
    sentAt: sentAt(),
    recordId: recordId(),
  },
  (table) => [primaryKey({ columns: [table.recordId, table.createDate] })],
);

/** One entry a message: who inserts it decides the message's outcome, once. */
export const ledger = maskline.table("ledger", {
  messageId: uuid("message_id").primaryKey(),
  recordId: recordId(),
  outcome: outcome("outcome").notNull(),
  decidedOn: date("decided_on").notNull().default(utcToday),
});

/** Messages that could not become a row; the body is sealed as bytes. */
export const quarantine = maskline.table("quarantine", {
  recordId: recordId().primaryKey(),
  messageId: uuid("message_id").notNull(),
  sentAt: sentAt(),
  createDate: createDate(),
  quarantinedOn: date("quarantined_on").notNull().default(utcToday),
  reason: varchar("reason", { length: 64 }).notNull(),
  sqlState: varchar("sql_state", { length: 5 }),
  sealed: bytea("sealed").$type<Sealed>().notNull(),
});

/** The key of one batch, sealed to each recipient. */
export const batchKey = maskline.table(
  "batch_key",
  {
    id: uuid("id").notNull(),
    recipient: varchar("recipient", { length: 16 }).notNull(),
    sealed: bytea("sealed").$type<SealedBatchKey>().notNull(),
    sealedOn: date("sealed_on").notNull().default(utcToday),
  },
  (table) => [primaryKey({ columns: [table.id, table.recipient] })],
);

/** The originals of a login's masked fields, sealed. Partitioned by month. */
export const vault = maskline.table(
  "vault",
  {
    recordId: recordId(),
    createDate: createDate(),
    sealed: bytea("sealed").$type<Sealed>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.recordId, table.createDate] })],
);

/** What opens one sealed record, apart from it: deleting a seed shreds its record. Partitioned by month. */
export const seed = maskline.table(
  "seed",
  {
    recordId: recordId(),
    createDate: createDate(),
    seed: bytea("seed").$type<Seed>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.recordId, table.createDate] })],
);
