/** `recover retoken`: moves rows to a new token key. */

import { Command, Option } from "commander";
import { openRecovery, openSealer, openTokenizer, openUnsealer, openWitness } from "../compose.ts";
import { readSettings } from "../config.ts";
import { type Edge, report } from "../edge.ts";
import { exit, RecoverError } from "../exit.ts";
import { withProgress } from "../progress.ts";
import { retoken as retokenRows, type Unopenable } from "../work/retoken.ts";

interface Options {
  readonly grant: string;
  readonly unopenable: Unopenable;
  readonly json: boolean;
}

const shownAtMost = 20;

export function retoken(edge: Edge): Command {
  return new Command("retoken")
    .description("give every row a token under the new token key, under a grant")
    .requiredOption("--grant <id>", "the approved grant: it names both token keys")
    .addOption(
      new Option(
        "--unopenable <what>",
        "rows without an openable seal: leave their tokens (and list them), or tombstone them",
      )
        .choices(["leave", "tombstone"])
        .default("leave"),
    )
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
First \`recover keys add --token\` and \`promote\`, and restart the consumers with the new keyring. Then
this opens each row, makes its new tokens and seals it anew; token, seal and seed change together.
It runs while the consumer writes; killed, it is run again.

Example:
  pnpm recover request retoken --from-key t1 --to-key t2 --purpose rotation --ticket OPS-9 \\
    --justification "Yearly rotation"
  pnpm recover retoken --grant 7b0e…`,
    )
    .action((options: Options) => move(edge, options));
}

async function move(edge: Edge, options: Options): Promise<void> {
  readSettings(edge.env, ["RECOVER_DATABASE_URL", "MASKLINE_KEYRING"]);
  await using recovery = openRecovery(edge);
  const { witness, operator } = await openWitness(edge, recovery);
  const tokenizer = await openTokenizer(edge);
  const sealer = await openSealer(edge);
  if (tokenizer === null || sealer === null) {
    throw new RecoverError(exit.configuration, "The keyring has no primary recipient.", {
      advice: "Rows are sealed anew: add a recipient with `recover keys add --recipient`.",
    });
  }
  const unsealer = await openUnsealer(edge);
  const tools = { recovery, witness, operator, tokenizer, sealer, unsealer };
  const what = { grantId: options.grant, unopenable: options.unopenable };
  const retokened = await withProgress(edge, "rows moved", (progress) =>
    retokenRows(tools, what, progress),
  );
  const { moved, tombstoned, left } = retokened;
  report(edge, options, {
    json: retokened,
    text: [
      `Moved ${moved} row(s); tombstoned ${tombstoned}; left ${left.length} that cannot be opened.`,
      ...left.slice(0, shownAtMost).map((recordId) => `  ${recordId}`),
      ...(left.length > shownAtMost
        ? [`  and ${left.length - shownAtMost} more (--json lists all)`]
        : []),
    ],
  });
}
