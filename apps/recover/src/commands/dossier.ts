/** `recover dossier`: what is held about a subject, and every access to it, as a signed file for that person. */

import { Command } from "commander";
import { compileDossier, endCovered, readCheckpoints, showUsable } from "@org/recovery";
import { openContract, openRecovery, openSinks, openWitness } from "../compose.ts";
import { resolvePath } from "../config.ts";
import { type Edge, readStdin, report } from "../edge.ts";
import { contractOption } from "../option-values.ts";
import { openNewFile } from "../result-file.ts";

interface Options {
  readonly grant: string;
  readonly contract?: string;
  readonly subject: string;
  readonly out: string;
  readonly json: boolean;
}

export function dossier(edge: Edge): Command {
  return new Command("dossier")
    .description("write what is held about a subject, and every access to it, as a signed file")
    .requiredOption("--grant <id>", "the approved grant")
    .requiredOption("--subject <value>", "whose; - reads it from standard input")
    .requiredOption("--out <path>", "a new file (mode 0600)")
    .addOption(contractOption())
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
But for the subject's value as you give it, it has no original and no masked value: ids, times, columns,
and of each access who, when, what for, the rows of the audit with their hashes, and signed checkpoints.
docs/recovery-formats.md says how it is verified; examples/verify-dossier.mjs does.

Example:
  pnpm recover dossier --grant 7b0e… --subject 424cdd21-063a-43a7-b91b-7ca1a833afae --out dossier.json`,
    )
    .action((options: Options) => compile(edge, options));
}

async function compile(edge: Edge, options: Options): Promise<void> {
  const contract = await openContract(edge, options.contract);
  const path = resolvePath(edge.env, options.out);
  const subject = options.subject === "-" ? await readStdin(edge) : options.subject;
  await using recovery = openRecovery(edge);
  const { witness, operator } = await openWitness(edge, recovery);
  const sinks = await openSinks(edge, operator.keyring);
  const signed = await showUsable(
    { grants: recovery.grants, operator },
    options.grant,
    contract.name,
  );
  const file = await openNewFile(path);
  try {
    const made = await compileDossier(
      {
        claims: recovery.claims,
        dossier: recovery.dossier,
        witness,
        operator,
        readCheckpoints: () => readCheckpoints(sinks),
      },
      { contract, signed, subject },
    );
    await file.write(`${JSON.stringify(made, null, 2)}\n`);
    const { records, accesses } = made;
    report(edge, options, {
      json: { dossier: path, records: records.length, accesses: accesses.length },
      text: [`${records.length} record(s), ${accesses.length} access(es): ${path}`],
    });
  } finally {
    await file.close();
  }
  await endCovered(witness, null);
}
