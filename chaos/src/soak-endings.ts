/** What became of each message of a soak, compared inside PostgreSQL: a million do not fit a list of ids. */
import {
  type AnyContract,
  createParser,
  createToRow,
  type RowTokenizer,
  type SampleMessage,
} from "@org/schema";

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
  readonly contract: AnyContract;
  readonly tokenizer: RowTokenizer<string>;
  /** The queue goes round these. */
  readonly messages: readonly SampleMessage[];
  readonly count: number;
  readonly messageIdAt: (at: number) => string;
}

const chunkSize = 50_000;

/** Writes down what is sent, before it is: a MessageId, and what the subject's column will hold, or null. */
export async function noteSent(
  query: Query,
  { contract, tokenizer, messages, count, messageIdAt }: Sent,
): Promise<void> {
  await query("CREATE TABLE sent (message_id uuid PRIMARY KEY, subject text)");
  const column = subjectColumn(contract);
  const parse = createParser(contract);
  const toRow = createToRow(contract, tokenizer);
  const subjects = messages.map(({ body }) => {
    const parsed = parse(body);
    if (parsed.kind === "rejection") return null;
    const { columns } = toRow(parsed.message, { recordId: "", sealer: null });
    return String(columns[column]);
  });
  for (let from = 0; from < count; from += chunkSize) {
    const numbers = Array.from({ length: Math.min(chunkSize, count - from) }, (_, at) => from + at);
    await query("INSERT INTO sent SELECT * FROM unnest($1::uuid[], $2::text[])", [
      numbers.map(messageIdAt),
      numbers.map((at) => subjects[at % subjects.length] ?? null),
    ]);
  }
}

function subjectColumn({ fields, subject }: AnyContract): string {
  return fields.find(({ name }) => name === subject)?.column ?? "";
}

export async function readSoakEndings(query: Query, contract: AnyContract): Promise<SoakEndings> {
  await query("ANALYZE");
  const [counts] = await query<Omit<SoakEndings, "violations">>(`
    WITH outcome AS (
      SELECT message_id, count(*) FILTER (WHERE is_row) AS rows, count(*) AS records
        FROM (SELECT message_id, true AS is_row FROM ${contract.table}
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
    ...(await findOrphans(query, contract)),
    ...(await findWhatMustNotBe(query, brokenPromises(contract))),
  ];
  return { ...counts, violations };
}

/** Each selects what must not be; what belongs to no ledger entry is found as an orphan. */
const brokenPromises = (contract: AnyContract) => ({
  "the ledger has a message that nobody sent": `
    SELECT FROM maskline.ledger AS l
     WHERE NOT EXISTS (SELECT FROM sent WHERE sent.message_id = l.message_id)`,
  "a message is not in the ledger": `
    SELECT FROM sent
     WHERE NOT EXISTS (SELECT FROM maskline.ledger AS l WHERE l.message_id = sent.message_id)`,
  "a good message has no row of its subject": `
    SELECT FROM sent WHERE subject IS NOT NULL AND NOT EXISTS
      (SELECT FROM ${contract.table} AS t
        WHERE t.message_id = sent.message_id AND t."${subjectColumn(contract)}"::text = sent.subject)`,
  "a refused message has no quarantine record": `
    SELECT FROM sent WHERE subject IS NULL AND NOT EXISTS
      (SELECT FROM maskline.quarantine AS q WHERE q.message_id = sent.message_id)`,
  "a row has no sealed record": `
    SELECT FROM ${contract.table} AS t
     WHERE NOT EXISTS (SELECT FROM maskline.vault AS v WHERE v.record_id = t.record_id)`,
  "a sealed record has no seed": `
    SELECT FROM
      (SELECT record_id FROM maskline.vault UNION ALL SELECT record_id FROM maskline.quarantine) AS sealed
     WHERE NOT EXISTS (SELECT FROM maskline.seed AS s WHERE s.record_id = sealed.record_id)`,
});
