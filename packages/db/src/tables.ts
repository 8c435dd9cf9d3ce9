/** The fixed tables, as drizzle sees them; `migrations/0000_tables.sql` is generated from here. */

import type { Sealed, SealedBatchKey, Seed, Token } from "@org/masking";
import { drizzle, pgCore } from "./drizzle.ts";

const {
  bigint,
  boolean,
  check,
  customType,
  date,
  jsonb,
  pgSchema,
  primaryKey,
  smallint,
  text,
  timestamp,
  uuid,
  varchar,
} = pgCore;

const { sql } = drizzle;
const bytea = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });
const utcToday = sql`(now() AT TIME ZONE 'UTC')::date`;
/** The UTC date of `sent_at`: the same at every redelivery, and what the months are cut by. */
const createDate = () => date("create_date").notNull();
/** UUIDv7, made by the consumer: near-sequential, so that index pages stay hot. */
const recordId = () => uuid("record_id").notNull();
const contractName = (column: string) => varchar(column, { length: 63 });

export const maskline = pgSchema("maskline");

/** What became of a message. */
export const outcome = maskline.enum("outcome", ["row", "quarantined"]);

/**
 * The contracts that this database holds messages of: which table, and which of its columns is what.
 * Only the owner writes it; the functions of recovery and retention find tables and columns here.
 */
export const contract = maskline.table("contract", {
  name: contractName("name").primaryKey(),
  /** In schema public. A partition's name is this with `_YYYY_MM` after it. */
  tableName: varchar("table_name", { length: 54 }).notNull().unique(),
  /** The column that says whose message it is: its value, or the token of it. */
  subjectColumn: varchar("subject_column", { length: 63 }).notNull(),
  subjectIsMasked: boolean("subject_is_masked").notNull(),
  /** The fields whose originals are sealed. */
  maskedFields: text("masked_fields").array().notNull(),
  /** The column of each token field: of each masked field, and of each further view of one. */
  tokens: jsonb("tokens").$type<Readonly<Record<string, string>>>().notNull(),
  /** What a look-up shows, in order. */
  shownColumns: text("shown_columns").array().notNull(),
  /** The contract as `migrate` saw it last: what the next migration is compared with. */
  definition: jsonb("definition").notNull(),
});

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
  sentAt: timestamp("sent_at", { withTimezone: true }).notNull(),
  createDate: createDate(),
  quarantinedOn: date("quarantined_on").notNull().default(utcToday),
  /** Whose consumer refused it. */
  contract: contractName("contract").notNull(),
  reason: varchar("reason", { length: 96 }).notNull(),
  sqlState: varchar("sql_state", { length: 5 }),
  /** Whose it is, as a token under a label of its own, where the body says so. */
  subjectTag: varchar("subject_tag", { length: 256 }).$type<Token>(),
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

/** The originals of a row's masked fields, sealed. Partitioned by month. */
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

/**
 * Ids of erased records, for ever: nothing sealed is handed out under one again, whoever puts a copy
 * of seed and record back.
 */
export const erased = maskline.table("erased", {
  recordId: recordId().primaryKey(),
  erasedOn: date("erased_on").notNull().default(utcToday),
  /** The row of `recovery.erasure` that knows where copies may stand. */
  erasure: bigint("erasure", { mode: "number" }).notNull(),
});

/** What the owner decides of the daily work, and how far it is; one row. */
export const maintenance = maskline.table(
  "maintenance",
  {
    singleton: boolean("singleton").primaryKey().default(true),
    /** SQS keeps a message for at most 14 days, and its dead-letter queue for 14 more. */
    ledgerDays: smallint("ledger_days").notNull().default(60),
    /** What was quarantined today is for somebody to see. */
    quarantineDays: smallint("quarantine_days").notNull().default(30),
    endedAt: timestamp("ended_at", { withTimezone: true }),
    /** The next step of the consumers'. */
    step: text("step").notNull().default("partitions"),
    /** Of the ledger, where pruning goes on. */
    nextBlock: bigint("next_block", { mode: "number" }).notNull().default(0),
    /** Which consumer does it, and until when another one leaves it to that. */
    holder: uuid("holder"),
    heldUntil: timestamp("held_until", { withTimezone: true }),
  },
  ({ singleton, ledgerDays, quarantineDays, step }) => [
    check("maintenance_singleton", sql`${singleton}`),
    check("maintenance_ledger_days", sql`${ledgerDays} >= 29`),
    check("maintenance_quarantine_days", sql`${quarantineDays} >= 1`),
    check("maintenance_step", sql`${step} IN ('partitions', 'ledger', 'quarantine')`),
  ],
);
