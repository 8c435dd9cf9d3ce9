/** `recover retoken`: moves rows to a new token key. */

import { Command } from "commander";
import {
  openContract,
  openRecovery,
  openSealer,
  openTokenizer,
  openUnsealer,
  openWitness,
} from "../compose.ts";
import { contractOption } from "../option-values.ts";
import { readSettings } from "../config.ts";
import { type Edge, report } from "../edge.ts";
import { describeArrived, endCovered, exit, RecoverError } from "@org/recovery";
import { withProgress } from "../progress.ts";
import { retoken as retokenRows } from "../work/retoken.ts";

interface Options {
  readonly grant: string;
  readonly contract?: string;
  readonly json: boolean;
}

const shownAtMost = 20;

export function retoken(edge: Edge): Command {
  return new Command("retoken")
    .description("give every row a token under the new token key, under a grant")
    .requiredOption("--grant <id>", "the approved grant: it names both token keys")
    .addOption(contractOption())
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
First \`recover keys add --token\` and \`promote\`, and restart the consumers with the new keyring. Then
this opens each row of the contract, makes its new tokens and seals it anew; tokens, seal and seed
change together. Each contract in the database takes a grant of its own.
It runs while the consumer writes; killed, it is run again.

Rows that nobody can open keep their tokens and are listed, unless the request says
\`--unopenable tombstone\`: that too is approved.

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
  const contract = await openContract(edge, options.contract);
  const tokenizer = await openTokenizer(edge, contract);
  const sealer = await openSealer(edge);
  if (sealer === null) {
    throw new RecoverError(exit.configuration, "Rows are sealed anew, and nothing seals here.", {
      advice:
        "The keyring needs a primary recipient (`recover keys add --recipient`, `promote`), and MASKLINE_VAULT must not be off.",
    });
  }
  const unsealer = await openUnsealer(edge, recovery);
  const ports = { recovery, witness, operator, contract, tokenizer, sealer, unsealer };
  const retokened = await withProgress(edge, "rows moved", (progress) =>
    retokenRows(ports, options.grant, progress),
  );
  const { moved, tombstoned, left, mismatched, arrived } = retokened;
  report(edge, options, {
    json: retokened,
    text: [
      `Moved ${moved} row(s); tombstoned ${tombstoned}; left ${left.length} that cannot be opened.`,
      ...listed(left),
      ...describeArrived(arrived, "row(s) under the old key"),
    ],
  });
  await endCovered(witness, mismatched.length === 0 ? null : mismatch(mismatched));
}

function mismatch(recordIds: readonly string[]): RecoverError {
  return new RecoverError(
    exit.tampering,
    `${recordIds.length} row(s) do not fit their originals.`,
    {
      faults: listed(recordIds),
      advice:
        "They were left: their tokens, their subject, or their sealed records were changed. Find out by whom.",
    },
  );
}

function listed(recordIds: readonly string[]): string[] {
  const more = recordIds.length - shownAtMost;
  return [
    ...recordIds.slice(0, shownAtMost).map((recordId) => `  ${recordId}`),
    ...(more > 0 ? [`  and ${more} more (--json lists all)`] : []),
  ];
}
