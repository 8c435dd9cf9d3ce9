/** `recover keys status`: how much is stored under each key. */

import { Command } from "commander";
import { openRecovery } from "../compose.ts";
import { type Edge, report } from "../edge.ts";
import { readKeyringFile } from "../keys/keyring-file.ts";
import { keyKind } from "../keys/usage.ts";
import { formatRows } from "../result-file.ts";
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
      const rows = [
        ...known.flatMap((key) => {
          const found = usage.filter((use) => keyKind(use) === key.kind && use.kid === key.kid);
          const none = [{ kind: key.kind, contract: "*", uses: 0 }];
          return (found.length > 0 ? found : none).map(({ kind, contract, uses }) => ({
            ...key,
            kind,
            contract,
            uses: String(uses),
          }));
        }),
        ...usage
          .filter((use) => !known.some(({ kind, kid }) => kind === keyKind(use) && kid === use.kid))
          .map(({ kind, kid, contract, uses }) => ({
            kind,
            kid,
            state: "unknown",
            contract,
            uses: String(uses),
          })),
      ];
      report(edge, options, { json: rows, text: [formatRows(rows, "table").trimEnd()] });
    });
}
