/** One call with a login, with all that it answers, audits, reads and changes. */

import { type Client, DatabaseError as PgError, type QueryResult } from "pg";
import type { Statement } from "./people.ts";

/** Changes that are taken back and are this few make no difference to what is read later. */
const fewRows = 500;

export interface Outcome {
  /** What the caller gets: rows as JSON, or an error with all its fields. */
  readonly answer: string;
  readonly answered: number;
  /** Of an error. */
  readonly sqlState: string | undefined;
  /** The rows that came into the audit. */
  readonly audited: readonly { readonly bytes: number; readonly line: string }[];
}

export interface Counted extends Outcome {
  /** By table or index, months together: how much of it was read and changed. */
  readonly work: ReadonlyMap<string, number>;
  readonly calls: number;
}

const soFar = `
  WITH counted AS MATERIALIZED (
    SELECT pg_class.oid, relname, read + changed AS work, changed
    FROM pg_class, LATERAL (
      SELECT pg_stat_get_xact_tuples_returned(pg_class.oid) AS read,
        pg_stat_get_xact_tuples_inserted(pg_class.oid) + pg_stat_get_xact_tuples_updated(pg_class.oid)
          + pg_stat_get_xact_tuples_deleted(pg_class.oid) AS changed
    ) AS so_far
    WHERE relnamespace IN ('maskline'::regnamespace, 'recovery'::regnamespace, 'public'::regnamespace)
      AND relkind IN ('r', 'i') AND read + changed > 0
  )
  SELECT (SELECT coalesce(json_object_agg(name, work), '{}') FROM (
      SELECT regexp_replace(relname, '_(\\d{4}_\\d{2}|default)', '') AS name, sum(work) AS work
      FROM counted GROUP BY name) AS named) AS work,
    (SELECT coalesce(json_object_agg(oid::regclass, changed), '{}') FROM counted WHERE changed > 0) AS changed,
    (SELECT coalesce(sum(pg_stat_get_xact_function_calls(oid)), 0)::integer FROM pg_proc
     WHERE pronamespace IN ('maskline'::regnamespace, 'recovery'::regnamespace)) AS calls`;

interface SoFar {
  readonly work: Readonly<Record<string, number>>;
  readonly changed: Readonly<Record<string, number>>;
  readonly calls: number;
}

/** Runs one call with a login, counts what it did, and takes it back. */
export async function countCall(admin: Client, login: string, call: Statement): Promise<Counted> {
  // What was not reported yet of earlier transactions would be counted with this one.
  await admin.query("SELECT pg_stat_force_next_flush()");
  const { last, ...outcome } = await callAndTakeBack(admin, login, call, soFar);
  const { work, changed, calls } = last as SoFar;
  // What is taken back stands in indexes until then, and would be counted as read.
  for (const [table, rows] of Object.entries(changed)) {
    if (rows > fewRows) await admin.query(`VACUUM ${table}`);
  }
  return { ...outcome, work: new Map(Object.entries(work)), calls };
}

/** Runs one call with a login, and takes it back. */
export async function tryCall(admin: Client, login: string, call: Statement): Promise<Outcome> {
  const { last: _, ...outcome } = await callAndTakeBack(admin, login, call, "SELECT");
  return outcome;
}

async function callAndTakeBack(
  admin: Client,
  login: string,
  { text, values = [] }: Statement,
  /** A query for one row before it is taken back. */
  lastly: string,
): Promise<Outcome & { readonly last: unknown }> {
  const many = (statements: string) =>
    admin.query(statements) as unknown as Promise<readonly QueryResult[]>;
  const begun = await many(
    `BEGIN; SELECT seq FROM recovery.audit_head; SAVEPOINT call; SET LOCAL SESSION AUTHORIZATION ${login}`,
  );
  const [head] = (begun[1]?.rows ?? []) as { readonly seq: string }[];
  let answer = "";
  let answered = 0;
  let sqlState: string | undefined;
  try {
    const { rows } = await admin.query(text, [...values]);
    answer = JSON.stringify(rows);
    answered = rows.length;
    await admin.query("RESET SESSION AUTHORIZATION");
  } catch (error) {
    if (!(error instanceof PgError)) throw error;
    answer = JSON.stringify([error.message, error.detail, error.hint, error.where]);
    sqlState = error.code;
    await admin.query("ROLLBACK TO call");
  }
  const ended = await many(
    `${lastly}; SELECT octet_length(detail) AS bytes, audit::text AS line FROM recovery.audit WHERE seq > ${head?.seq}; ROLLBACK`,
  );
  const audited = (ended[1]?.rows ?? []) as Outcome["audited"];
  return { answer, answered, sqlState, audited, last: ended[0]?.rows[0] };
}
