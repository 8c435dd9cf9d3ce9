/** The demo's result as text for people. */
import { styleText } from "node:util";
import type { AnyContract } from "@org/schema";
import type { Summary } from "./demo.ts";
import { type Outcome, shownColumns, type TokenCounts } from "./outcome.ts";
import type { Stack } from "./stack.ts";

const tokenShown = 20;

/** Counts, a few masked rows, the most frequent tokens, and where to go next. */
export function formatReport(
  contract: AnyContract,
  { summary, outcome }: { readonly summary: Summary; readonly outcome: Outcome },
): string {
  const columns = shownColumns(contract);
  const tokenColumns = new Set(
    contract.columns.flatMap(({ name, from }) => (from.kind === "token" ? [name] : [])),
  );
  return [
    heading("Every message has one outcome"),
    table([
      ["sent", summary.sent, "distinct messages"],
      ["written", summary.written, `rows in ${contract.table}`],
      ["sealed", outcome.sealed, "of these rows have their originals in the vault"],
      ["quarantined", summary.quarantined, "of another shape: body sealed, reason recorded"],
      ["duplicates", summary.duplicates, "delivered again after their commit, not written again"],
    ]),
    heading(`What an analyst reads: select * from ${contract.table}`),
    table([
      columns,
      ...outcome.rows.map((row) =>
        columns.map((name) => {
          const cell = row[name] ?? "null";
          return tokenColumns.has(name) ? shorten(cell) : cell;
        }),
      ),
    ]),
    ...(outcome.tokens ? formatTokens(outcome.tokens) : []),
    heading("Where to go next"),
    table([
      ["pnpm demo:recover", "who may see an original, by whose approval, and what trace is left"],
      ["pnpm demo --keep", "the same, and the servers stay up to be tried"],
      ["pnpm test", "every test, against servers like these"],
      ["README.md", "your own queue and database; what is promised and what is not"],
    ]),
    "",
  ].join("\n");
}

function formatTokens({ column, top, distinct }: TokenCounts): string[] {
  return [
    heading("The most frequent values, without a value in sight"),
    table([["rows", column], ...top.map(({ token, count }) => [count, shorten(token)])]),
    styleText("dim", `${distinct} different values; however one is spelt, its token is the same.`),
  ];
}

/** How to reach the servers that stay up. */
export function formatAccess(stack: Stack): string {
  return [
    heading("The servers stay up until Ctrl-C"),
    table([
      ["analyst", stack.analystUrl],
      ["administrator", stack.adminUrl],
      ["dead letters", stack.deadLetterUrl],
      ["private keyring", stack.privateKeyringFile],
      ["logs", stack.directory],
    ]),
    heading("To run the consumer against them"),
    ...Object.entries(stack.consumerEnv).map(([name, value]) => `export ${name}=${value}`),
    "",
  ].join("\n");
}

function heading(text: string): string {
  return `\n${styleText("bold", text)}`;
}

function shorten(token: string): string {
  return token.length > tokenShown ? `${token.slice(0, tokenShown)}…` : token;
}

/** Columns as wide as their widest cell; numbers to the right. */
function table(rows: readonly (readonly (string | number)[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, String(cell).length);
    }
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return typeof cell === "number" ? String(cell).padStart(width) : cell.padEnd(width);
        })
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join("\n");
}
