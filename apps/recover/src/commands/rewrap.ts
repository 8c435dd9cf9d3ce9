/** `recover rewrap`: moves batch keys to a new recipient. */

import { Command } from "commander";
import { openKeyring, openRecovery, openUnsealer, openWitness } from "../compose.ts";
import { type Edge, report } from "../edge.ts";
import { describeArrived, endCovered, exit, RecoverError } from "@org/recovery";
import { withProgress } from "../progress.ts";
import { rewrap as rewrapKeys } from "../work/rewrap.ts";

interface Options {
  readonly grant: string;
  readonly json: boolean;
}

export function rewrap(edge: Edge): Command {
  return new Command("rewrap")
    .description("move every batch key from one recipient to another, under a grant")
    .requiredOption("--grant <id>", "the approved grant: it names both recipients")
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
First \`recover keys add --recipient\` and \`promote\`, and restart the consumers with the new keyring:
from then on new batches are sealed to the new recipient. Then this moves the old ones; records and
quarantined bodies are not touched. It runs while the consumer writes; killed, it is run again.

Example:
  pnpm recover request rewrap --from-key r1 --to-key r2 --purpose rotation --ticket OPS-9 \\
    --justification "Yearly rotation"
  pnpm recover rewrap --grant 7b0e…`,
    )
    .action((options: Options) => move(edge, options));
}

async function move(edge: Edge, options: Options): Promise<void> {
  await using recovery = openRecovery(edge);
  const { witness, operator } = await openWitness(edge, recovery);
  const unsealer = await openUnsealer(edge, recovery);
  const ports = { recovery, witness, operator, unsealer, to: await openKeyring(edge) };
  const { moved, failed, arrived } = await withProgress(edge, "batch keys moved", (progress) =>
    rewrapKeys(ports, options.grant, progress),
  );
  report(edge, options, {
    json: { moved, failed, arrived },
    text: [
      `Moved ${moved} batch key(s); ${failed} could not be opened and stay as they are.`,
      ...describeArrived(arrived, "batch key(s) of the old recipient"),
    ],
  });
  await endCovered(witness, failed === 0 ? null : notOpened(failed));
}

function notOpened(count: number): RecoverError {
  return new RecoverError(exit.unsealFailed, `${count} batch key(s) could not be opened.`, {
    advice: "They were changed, or are of another tenant. Do not disable the old recipient yet.",
  });
}
