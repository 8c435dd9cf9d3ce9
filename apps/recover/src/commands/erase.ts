/** `recover erase`: makes originals unreadable, for good. */

import { Command } from "commander";
import { openContract, openRecovery, openWitness } from "../compose.ts";
import { confirmOrEnd, type Edge, report } from "../edge.ts";
import {
  describeErased,
  describeGrant,
  endCovered,
  erase as eraseRecords,
  showUsable,
} from "@org/recovery";
import { contractOption } from "../option-values.ts";
import { withProgress } from "../progress.ts";
import { readSubject, type SubjectOptions, subjectOptions } from "./subject.ts";

interface Options extends SubjectOptions {
  readonly grant: string;
  readonly contract?: string;
  readonly yes: boolean;
  readonly json: boolean;
}

export function erase(edge: Edge): Command {
  const [subject, user] = subjectOptions();
  return new Command("erase")
    .description("delete seeds and sealed records, and tombstone tokens, under a grant")
    .requiredOption(
      "--grant <id>",
      "the approved grant: it says which records, and whether tokens go",
    )
    .addOption(contractOption())
    .addOption(subject)
    .addOption(user)
    .option("--yes", "do not ask on a terminal", false)
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
Ask first, as \`recover request erase --subject VALUE\`, \`--record ID\`, \`--before DATE\` or
\`--quarantined ID\`; with --keep-tokens the masked values stay. A subject is named again here: the
grant keeps a hash of it. The rows stay, and so does the ledger: a message that comes again is not
written a second time. Killed, it is run again.

Example:
  pnpm recover erase --grant 7b0e… --subject 424cdd21-063a-43a7-b91b-7ca1a833afae`,
    )
    .action((options: Options) => run(edge, options));
}

async function run(edge: Edge, options: Options): Promise<void> {
  await using recovery = openRecovery(edge);
  const { witness, operator } = await openWitness(edge, recovery);
  const contract = await openContract(edge, options.contract);
  const { grants } = recovery;
  const { grant } = await showUsable({ grants, operator }, options.grant, contract.name);
  const subject = await readSubject(edge, options);
  await confirmOrEnd(edge, options.yes, [
    ...describeGrant(grant),
    "",
    "What is erased cannot be brought back.",
  ]);
  const erased = await withProgress(edge, "records erased", (progress) =>
    eraseRecords(
      { recovery, witness, operator },
      { grantId: options.grant, contract, subject },
      (records) => {
        progress(records);
        return true;
      },
    ),
  );
  report(edge, options, { json: erased, text: describeErased(erased, contract) });
  await endCovered(witness, null);
}
