/** What became of each message of a soak, compared inside PostgreSQL: a million do not fit a list of ids. */
import type { SampleMessage } from "@org/local";

import type { Query } from "./database.ts";
import { findOrphans, findWhatMustNotBe } from "./orphans.ts";

export interface SoakEndings {
  readonly rows: number;
  readonly quarantined: number;
  /** Without a row and without a quarantine record. */
  readonly lost: number;
  /** With more than one of them. */
  readonly doubled: number;
  readonly violations: readonly string[];
}

export interface Sent {
  /** The queue goes round these. */
  readonly messages: readonly SampleMessage[];
  readonly count: number;
  readonly messageIdAt: (at: number) => string;
}

const chunkSize = 50_000;

/** Writes down what is sent, before it is: a MessageId, and the user whose login it is, or null. */
export async function noteSent(
  query: Query,
  { messages, count, messageIdAt }: Sent,
): Promise<void> {
  await query("CREATE TABLE sent (message_id uuid PRIMARY KEY, user_id text)");
  const users = messages.map(({ body, kind }) =>
    kind === "login" ? (JSON.parse(body) as { user_id: string }).user_id : null,
  );
  for (let from = 0; from < count; from += chunkSize) {
    const numbers = Array.from({ length: Math.min(chunkSize, count - from) }, (_, at) => from + at);
    await query("INSERT INTO sent SELECT * FROM unnest($1::uuid[], $2::text[])", [
      numbers.map(messageIdAt),
      numbers.map((at) => users[at % users.length] ?? null),
    ]);
  }
}

export async function readSoakEndings(query: Query): Promise<SoakEndings> {
  await query("ANALYZE");
  const [counts] = await query<Omit<SoakEndings, "violations">>(`
    WITH outcome AS (
      SELECT message_id, count(*) FILTER (WHERE is_row) AS rows, count(*) AS records
        FROM (SELECT message_id, true AS is_row FROM user_logins
              UNION ALL SELECT message_id, false FROM maskline.quarantine) AS record
       GROUP BY message_id
    )
    SELECT coalesce(sum(rows), 0)::int AS rows,
           coalesce(sum(records - rows), 0)::int AS quarantined,
           count(*) FILTER (WHERE sent.message_id IS NOT NULL AND records IS NULL)::int AS lost,
           count(*) FILTER (WHERE records > 1)::int AS doubled
      FROM sent FULL JOIN outcome USING (message_id)`);
  if (!counts) throw new Error("A count has one row.");
  const violations = [
    ...(await findOrphans(query)),
    ...(await findWhatMustNotBe(query, brokenPromises)),
  ];
  return { ...counts, violations };
}

/** Each selects what must not be; what belongs to no ledger entry is found as an orphan. */
const brokenPromises = {
  "the ledger has a message that nobody sent": `
    SELECT FROM maskline.ledger AS l
     WHERE NOT EXISTS (SELECT FROM sent WHERE sent.message_id = l.message_id)`,
  "a message is not in the ledger": `
    SELECT FROM sent
     WHERE NOT EXISTS (SELECT FROM maskline.ledger AS l WHERE l.message_id = sent.message_id)`,
  "a login has no row of its user": `
    SELECT FROM sent WHERE user_id IS NOT NULL AND NOT EXISTS
      (SELECT FROM user_logins AS u
        WHERE u.message_id = sent.message_id AND u.user_id = sent.user_id)`,
  "a message that is no login has no quarantine record": `
    SELECT FROM sent WHERE user_id IS NULL AND NOT EXISTS
      (SELECT FROM maskline.quarantine AS q WHERE q.message_id = sent.message_id)`,
  "a row has no sealed record": `
    SELECT FROM user_logins AS u
     WHERE NOT EXISTS (SELECT FROM maskline.vault AS v WHERE v.record_id = u.record_id)`,
  "a sealed record has no seed": `
    SELECT FROM
      (SELECT record_id FROM maskline.vault UNION ALL SELECT record_id FROM maskline.quarantine) AS sealed
     WHERE NOT EXISTS (SELECT FROM maskline.seed AS s WHERE s.record_id = sealed.record_id)`,
} as const;
