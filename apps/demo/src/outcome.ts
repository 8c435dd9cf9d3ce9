/** What came of the messages, read from the database and the dead-letter queue. */
import { query } from "@org/local";
import type { AnyContract } from "@org/schema";
import type { Stack } from "./stack.ts";

const sampleRows = 5;
const topTokens = 5;

type Cells = Readonly<Record<string, string | null>>;

export interface Outcome {
  readonly written: number;
  /** Records in quarantine, and messages in the dead-letter queue. */
  readonly quarantined: number;
  /** Rows whose originals are sealed in the vault. */
  readonly sealed: number;
  /** As an analyst reads them, by column; without what operators need. */
  readonly rows: readonly Cells[];
  /** Of the first masked column; null where none is. */
  readonly tokens: TokenCounts | null;
}

export interface TokenCounts {
  readonly column: string;
  readonly top: readonly { readonly token: string; readonly count: number }[];
  readonly distinct: number;
}

/** Counts as the superuser; the rest as an analyst, who may read the contract's table only. */
export async function readOutcome({ contract, ...stack }: Stack): Promise<Outcome> {
  const [counts] = await query<{ written: number; quarantined: number; sealed: number }>(
    stack.adminUrl,
    `SELECT (SELECT count(*)::int FROM ${contract.table}) AS written,
            (SELECT count(*)::int FROM maskline.quarantine) AS quarantined,
            (SELECT count(*)::int FROM maskline.vault) AS sealed`,
  );
  const deadLetters = await stack.queue.depth(stack.deadLetterUrl);
  const shown = shownColumns(contract).map((name) => `"${name}"::text`);
  return {
    written: counts?.written ?? 0,
    quarantined: (counts?.quarantined ?? 0) + deadLetters.visible,
    sealed: counts?.sealed ?? 0,
    rows: await query<Cells>(
      stack.analystUrl,
      `SELECT ${shown.join(", ")} FROM ${contract.table} ORDER BY record_id LIMIT ${sampleRows}`,
    ),
    tokens: await readTokens(stack.analystUrl, contract),
  };
}

/** Up to `create_date`: behind it stand the columns that operators need. */
export function shownColumns({ columns }: AnyContract): string[] {
  const names = columns.map(({ name }) => name);
  return names.slice(0, names.indexOf("create_date") + 1);
}

async function readTokens(url: string, contract: AnyContract): Promise<TokenCounts | null> {
  const column = contract.columns.find(({ from }) => from.kind === "token")?.name;
  if (column === undefined) return null;
  const [counted] = await query<{ distinct: number }>(
    url,
    `SELECT count(DISTINCT "${column}")::int AS distinct FROM ${contract.table}`,
  );
  const top = await query<{ token: string; count: number }>(
    url,
    `SELECT "${column}" AS token, count(*)::int AS count FROM ${contract.table}
      WHERE "${column}" IS NOT NULL
      GROUP BY token ORDER BY count DESC, token LIMIT ${topTokens}`,
  );
  return { column, top, distinct: counted?.distinct ?? 0 };
}
