/** `recover keys list`: kids and states, never keys. */

import { Command } from "commander";
import { type Edge, report } from "../edge.ts";
import { readKeyringFile } from "../keys/keyring-file.ts";
import { formatRows } from "../result-file.ts";
import { type FileOptions, keyFiles, withFiles } from "./keys-options.ts";

export function keysList(edge: Edge): Command {
  return withFiles(new Command("list"))
    .description("show the keys of the keyring and their states")
    .addHelpText("after", "\nExample:\n  pnpm recover keys list")
    .action(async (options: FileOptions) => {
      const keyring = await readKeyringFile(keyFiles(edge, options));
      const rows = [
        ...keyring.token_keys.map(({ kid, state }) => ({ kind: "token", kid, state })),
        ...keyring.recipients.map(({ kid, state }) => ({ kind: "recipient", kid, state })),
      ];
      report(edge, options, { json: rows, text: [formatRows(rows, "table").trimEnd()] });
    });
}
