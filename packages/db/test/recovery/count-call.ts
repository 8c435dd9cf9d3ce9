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
  /** By table or index, months together: how much of it was read and changed. */
  readonly work: ReadonlyMap<string, number>;
  readonly calls: number;
}

const soFar = `
  WITH counted AS (
    SELECT oid::regclass::text AS relation, regexp_replace(relname, '_(\\d{4}_\\d{2}|default)', '') AS name,
      pg_stat_get_xact_tuples_returned(oid) AS read, pg_stat_get_xact_tuples_inserted(oid)
        + pg_stat_get_xact_tuples_updated(oid) + pg_stat_get_xact_tuples_deleted(oid) AS changed
    FROM pg_class
    WHERE relnamespace IN ('maskline'::regnamespace, 'recovery'::regnamespace, 'public'::regnamespace)
      AND relkind IN ('r', 'i')
  )
  SELECT (SELECT json_object_agg(name, work)
      FROM (SELECT name, sum(read + changed) AS work FROM counted GROUP BY name) AS named) AS work,
    (SELECT coalesce(json_object_agg(relation, changed), '{}') FROM counted WHERE changed > 0) AS changed,
    (SELECT json_build_object('calls', coalesce(sum(pg_stat_get_xact_function_calls(oid)), 0)) FROM pg_proc
     WHERE pronamespace IN ('maskline'::regnamespace, 'recovery'::regnamespace)) AS functions`;

type Counts = Readonly<Record<string, number>>;
type SoFar = Readonly<Record<"work" | "changed" | "functions", Counts>>;

const since = (before: Counts, after: Counts): Map<string, number> =>
  new Map(
    Object.entries(after)
      .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
      .filter(([, count]) => count > 0),
  );

/** Runs one call with a login, counts what it did, and takes it back. */
export async function countCall(
  admin: Client,
  login: string,
  { text, values = [] }: Statement,
): Promise<Outcome> {
  const many = (statements: string) =>
    admin.query(statements) as unknown as Promise<readonly QueryResult[]>;
  const begun = await many(
    `BEGIN; ${soFar}; SELECT seq FROM recovery.audit_head; SAVEPOINT call; SET LOCAL SESSION AUTHORIZATION ${login}`,
  );
  const before = begun[1]?.rows[0] as SoFar;
  const [head] = (begun[2]?.rows ?? []) as { readonly seq: string }[];
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
    `${soFar}; SELECT octet_length(detail) AS bytes, audit::text AS line FROM recovery.audit WHERE seq > ${head?.seq}; ROLLBACK`,
  );
  const after = ended[0]?.rows[0] as SoFar;
  // What is taken back stands in indexes until then, and would be counted as read.
  for (const [table, changed] of since(before.changed, after.changed)) {
    if (changed > fewRows) await admin.query(`VACUUM ${table}`);
  }
  return {
    answer,
    answered,
    sqlState,
    audited: (ended[1]?.rows ?? []) as Outcome["audited"],
    work: since(before.work, after.work),
    calls: since(before.functions, after.functions).get("calls") ?? 0,
  };
}
