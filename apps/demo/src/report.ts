/** The demo's result as text for people. */
import { styleText } from "node:util";
import type { Summary } from "./demo.ts";
import type { Outcome } from "./outcome.ts";
import type { Stack } from "./stack.ts";

const tokenShown = 20;

/** Counts, a few masked rows, the most frequent tokens, and where to go next. */
export function formatReport(summary: Summary, outcome: Outcome): string {
  return [
    heading("Every message has one outcome"),
    table([
      ["sent", summary.sent, "distinct messages"],
      ["written", summary.written, "rows in user_logins"],
      ["sealed", outcome.sealed, "of these rows have their originals in the vault"],
      ["quarantined", summary.quarantined, "not a login: body sealed, reason recorded"],
      ["duplicates", summary.duplicates, "delivered again after their commit, not written again"],
    ]),
    heading("What an analyst reads: select * from user_logins"),
    table([
      ["user_id", "device", "masked_ip", "masked_device_id", "locale", "app", "create_date"],
      ...outcome.rows.map((row) => [
        row.user_id,
        row.device_type,
        shorten(row.masked_ip),
        shorten(row.masked_device_id),
        row.locale ?? "null",
        row.app_version ?? "null",
        row.create_date,
      ]),
    ]),
    heading("The most frequent addresses, without an address in sight"),
    table([
      ["logins", "masked_ip"],
      ...outcome.topAddresses.map((top) => [top.logins, shorten(top.masked_ip)]),
    ]),
    styleText(
      "dim",
      `${outcome.distinctAddresses} different addresses; however one is spelt, its token is the same.`,
    ),
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
