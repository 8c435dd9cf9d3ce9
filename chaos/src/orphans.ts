/** What must not be in the database, whoever sent what: counted by queries, said as sentences. */
import type { AnyContract } from "@org/schema";

import type { Query } from "./database.ts";

/** What each message's records must be to each other, as sentences where they are not. */
export async function findOrphans(query: Query, { table }: AnyContract): Promise<string[]> {
  return findWhatMustNotBe(query, orphanQueries(table));
}

/** Counts what each query selects, and says so where that is not nothing. */
export async function findWhatMustNotBe(
  query: Query,
  queries: Readonly<Record<string, string>>,
): Promise<string[]> {
  const sentences: string[] = [];
  for (const [what, text] of Object.entries(queries)) {
    const [found] = await query<{ count: number }>(
      `SELECT count(*)::int AS count FROM (${text}) AS found`,
    );
    if (found && found.count > 0) sentences.push(`${found.count} × ${what}`);
  }
  return sentences;
}

/** Each selects what must not be. */
const orphanQueries = (table: string) =>
  ({
    "a message has more than one row or quarantine record": `
    SELECT message_id FROM (
      SELECT message_id FROM ${table} UNION ALL SELECT message_id FROM maskline.quarantine
    ) AS outcome GROUP BY message_id HAVING count(*) > 1`,
    "the ledger says row and there is none": `
    SELECT FROM maskline.ledger AS l WHERE outcome = 'row' AND NOT EXISTS
      (SELECT FROM ${table} AS u WHERE u.record_id = l.record_id AND u.message_id = l.message_id)`,
    "the ledger says quarantined and there is no record": `
    SELECT FROM maskline.ledger AS l WHERE outcome = 'quarantined' AND NOT EXISTS
      (SELECT FROM maskline.quarantine AS q
        WHERE q.record_id = l.record_id AND q.message_id = l.message_id)`,
    "a row is not in the ledger": `
    SELECT FROM ${table} AS u WHERE NOT EXISTS
      (SELECT FROM maskline.ledger AS l WHERE l.record_id = u.record_id AND l.outcome = 'row')`,
    "a quarantine record is not in the ledger": `
    SELECT FROM maskline.quarantine AS q WHERE NOT EXISTS
      (SELECT FROM maskline.ledger AS l
        WHERE l.record_id = q.record_id AND l.outcome = 'quarantined')`,
    "a sealed record belongs to no row": `
    SELECT FROM maskline.vault AS v WHERE NOT EXISTS
      (SELECT FROM ${table} AS u WHERE u.record_id = v.record_id)`,
    "a seed belongs to no sealed record": `
    SELECT FROM maskline.seed AS s
     WHERE NOT EXISTS (SELECT FROM maskline.vault AS v WHERE v.record_id = s.record_id)
       AND NOT EXISTS (SELECT FROM maskline.quarantine AS q WHERE q.record_id = s.record_id)`,
  }) as const;
