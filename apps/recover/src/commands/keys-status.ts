/** `recover keys status`: how much is stored under each key. */

import { Command } from "commander";
import { openRecovery } from "../compose.ts";
import { type Edge, report } from "../edge.ts";
import { readKeyringFile } from "../keys/keyring-file.ts";
import { formatRows } from "../open/result-file.ts";
import { type FileOptions, keyFiles, withFiles } from "./keys-options.ts";

export function keysStatus(edge: Edge): Command {
  return withFiles(new Command("status"))
    .description("show how many masked values and batch keys stand under each key")
    .addHelpText(
      "after",
      `
Reads every row: let it run when the database has time. For custodians and auditors. A key that
stands in the database and not in the keyring is shown as unknown.

Example:
  pnpm recover keys status`,
    )
    .action(async (options: FileOptions) => {
      const keyring = await readKeyringFile(keyFiles(edge, options));
      await using recovery = openRecovery(edge);
      const usage = await recovery.work.keyUsage();
      const known = [
        ...keyring.token_keys.map(({ kid, state }) => ({ kind: "token", kid, state })),
        ...keyring.recipients.map(({ kid, state }) => ({ kind: "recipient", kid, state })),
      ];
      const isKnown = (use: { kind: string; kid: string }): boolean =>
        known.some(({ kind, kid }) => kind === use.kind && kid === use.kid);
      const rows = [
        ...known,
        ...usage.filter((use) => !isKnown(use)).map((use) => ({ ...use, state: "unknown" })),
      ].map(({ kind, kid, state }) => {
        const found = usage.find((use) => use.kind === kind && use.kid === kid);
        return { kind, kid, state, uses: String(found?.uses ?? 0) };
      });
      report(edge, options, { json: rows, text: [formatRows(rows, "table").trimEnd()] });
    });
}
