/** The batch write: one statement, so one transaction and one round trip. */

import type { QueryConfig } from "pg";
import type { BatchKeyRow, LoginRow, QuarantineRow, WriteBatch } from "./batch.ts";
import {
  byteaArray,
  int4Array,
  textArray,
  timestamptzArray,
  utcDateArray,
  uuidArray,
} from "./binary-array.ts";
import { toMessageUuid } from "./message-uuid.ts";

/**
 * `claimed` inserts the ledger's entries, in the order of their ids, so that two writers with the
 * same messages wait for each other and never deadlock. Everything else is written only for the
 * records it returns, in the order of their ids, because keys that arrive in order fill their index
 * pages. ON CONFLICT names no column because that would need SELECT on it.
 *
 * The caller deletes the messages once this has committed, so the commit must outlive a crash of the
 * server: where `synchronous_commit` is off, it is turned on for this transaction.
 */
const text = `
WITH claimed AS (
  INSERT INTO maskline.ledger (message_id, record_id, outcome)
  SELECT message_id, record_id, outcome FROM (
    SELECT message_id, record_id, 'row'::maskline.outcome AS outcome
    FROM unnest($1::uuid[], $2::uuid[]) AS login (message_id, record_id)
    UNION ALL
    SELECT message_id, record_id, 'quarantined'
    FROM unnest($12::uuid[], $13::uuid[]) AS refused (message_id, record_id)
  ) AS decided
  ORDER BY message_id
  ON CONFLICT DO NOTHING
  RETURNING record_id, outcome
), new_login AS (
  INSERT INTO public.user_logins (
    message_id, record_id, sent_at, create_date, user_id, device_type,
    masked_ip, masked_device_id, locale, app_version, app_version_text)
  SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::timestamptz[], $4::date[], $5::text[], $6::text[],
    $7::text[], $8::text[], $9::text[], $10::integer[], $11::text[]
  ) AS login (message_id, record_id)
  WHERE record_id IN (SELECT record_id FROM claimed)
  ORDER BY record_id
), new_quarantine AS (
  INSERT INTO maskline.quarantine (
    message_id, record_id, sent_at, create_date, reason, sql_state, sealed)
  SELECT * FROM unnest(
    $12::uuid[], $13::uuid[], $14::timestamptz[], $15::date[], $16::text[], $17::text[], $18::bytea[]
  ) AS refused (message_id, record_id)
  WHERE record_id IN (SELECT record_id FROM claimed)
  ORDER BY record_id
), new_vault AS (
  INSERT INTO maskline.vault (record_id, create_date, sealed)
  SELECT * FROM unnest($19::uuid[], $20::date[], $21::bytea[]) AS vaulted (record_id)
  WHERE record_id IN (SELECT record_id FROM claimed)
  ORDER BY record_id
), new_seed AS (
  INSERT INTO maskline.seed (record_id, create_date, seed)
  SELECT * FROM unnest($22::uuid[], $23::date[], $24::bytea[]) AS sown (record_id)
  WHERE record_id IN (SELECT record_id FROM claimed)
  ORDER BY record_id
), new_batch_key AS (
  INSERT INTO maskline.batch_key (id, recipient, sealed)
  SELECT * FROM unnest($25::uuid[], $26::text[], $27::bytea[])
  WHERE EXISTS (SELECT FROM claimed)
  ON CONFLICT DO NOTHING
)
SELECT
  (count(*) FILTER (WHERE outcome = 'row'))::integer AS written,
  (count(*) FILTER (WHERE outcome = 'quarantined'))::integer AS quarantined,
  CASE current_setting('synchronous_commit')
    WHEN 'off' THEN set_config('synchronous_commit', 'on', true)
  END
FROM claimed`;

/** Counts in the only result row of {@link writeStatement}. */
export interface Claimed {
  readonly written: number;
  readonly quarantined: number;
}

/** Of two entries with one message id the first is written; a login comes before a quarantined message. */
export function writeStatement(batch: WriteBatch): QueryConfig {
  const seen = new Set<string>();
  const logins = firstOnly(batch.logins, seen);
  const refused = firstOnly(batch.quarantined, seen);
  return {
    // A named statement is parsed once a connection.
    name: "maskline_write",
    text,
    values: [
      ...loginColumns(logins),
      ...quarantineColumns(refused),
      ...sealedColumns(logins.rows, refused.rows),
      ...batchKeyColumns(batch.batchKeys),
    ],
  };
}

/** Rows, and beside them the UUIDs that their message ids are stored as. */
interface Distinct<Row> {
  readonly rows: readonly Row[];
  readonly messageUuids: readonly string[];
}

/** Leaves out the rows whose message was seen before. */
function firstOnly<Row extends { readonly messageId: string }>(
  all: readonly Row[],
  seen: Set<string>,
): Distinct<Row> {
  const rows: Row[] = [];
  const messageUuids: string[] = [];
  for (const row of all) {
    const uuid = toMessageUuid(row.messageId);
    if (seen.has(uuid)) continue;
    seen.add(uuid);
    rows.push(row);
    messageUuids.push(uuid);
  }
  return { rows, messageUuids };
}

/** $1 to $11. */
function loginColumns(logins: Distinct<LoginRow>): Buffer[] {
  const { rows } = logins;
  return [
    ...placeColumns(logins),
    textArray(rows.map((row) => row.userId)),
    textArray(rows.map((row) => row.deviceType)),
    textArray(rows.map((row) => row.maskedIp)),
    textArray(rows.map((row) => row.maskedDeviceId)),
    textArray(rows.map((row) => row.locale)),
    int4Array(rows.map((row) => row.appVersion)),
    textArray(rows.map((row) => row.appVersionText)),
  ];
}

/** $12 to $18. */
function quarantineColumns(refused: Distinct<QuarantineRow>): Buffer[] {
  const { rows } = refused;
  return [
    ...placeColumns(refused),
    textArray(rows.map((row) => row.reason)),
    textArray(rows.map((row) => row.sqlState)),
    byteaArray(rows.map((row) => row.sealed)),
  ];
}

/** The four columns that rows and quarantine records begin with. */
function placeColumns({ rows, messageUuids }: Distinct<LoginRow | QuarantineRow>): Buffer[] {
  return [
    uuidArray(messageUuids),
    uuidArray(rows.map((row) => row.recordId)),
    timestamptzArray(rows.map((row) => row.sentAtMs)),
    utcDateArray(rows.map((row) => row.sentAtMs)),
  ];
}

/** $19 to $24: the vault's sealed records, then the seeds, those of quarantined bodies included. */
function sealedColumns(logins: readonly LoginRow[], refused: readonly QuarantineRow[]): Buffer[] {
  const vaulted = logins.flatMap(({ recordId, sentAtMs, vault }) =>
    vault === null ? [] : [{ recordId, sentAtMs, ...vault }],
  );
  const sown = [...vaulted, ...refused];
  return [
    uuidArray(vaulted.map((row) => row.recordId)),
    utcDateArray(vaulted.map((row) => row.sentAtMs)),
    byteaArray(vaulted.map((row) => row.sealed)),
    uuidArray(sown.map((row) => row.recordId)),
    utcDateArray(sown.map((row) => row.sentAtMs)),
    byteaArray(sown.map((row) => row.seed)),
  ];
}

/** $25 to $27. */
function batchKeyColumns(keys: readonly BatchKeyRow[]): Buffer[] {
  return [
    uuidArray(keys.map((key) => key.id)),
    textArray(keys.map((key) => key.recipient)),
    byteaArray(keys.map((key) => key.sealed)),
  ];
}
