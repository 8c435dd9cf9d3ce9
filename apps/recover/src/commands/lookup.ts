/** `recover lookup`: finds the records of a raw value. */

import { Command } from "commander";
import { openContract, openRecovery, openTokenizer, openWitness } from "../compose.ts";
import { readSettings } from "../config.ts";
import { type Edge, readValue, report } from "../edge.ts";
import { endCovered, lookup as lookUp, requireTokenFields, showUsable } from "@org/recovery";
import { formatRows } from "../result-file.ts";
import { contractOption, positive } from "../option-values.ts";

interface Options {
  readonly grant: string;
  readonly contract?: string;
  readonly field: string;
  readonly limit: number;
  readonly json: boolean;
}

export function lookup(edge: Edge): Command {
  return new Command("lookup")
    .description("find the records of a raw value, read from standard input; they stay masked")
    .requiredOption("--grant <id>", "the approved grant")
    .requiredOption("--field <name>", "what the value is: a masked field, or a view of one")
    .addOption(contractOption())
    .option("--limit <n>", "most records to show", positive, 1000)
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
The value is the one that the grant was approved for; its tokens find the records, and the audit names
them; the value itself goes nowhere. Type it, or read it from a file: on the command line it would
stand in the shell's history.

Examples:
  pnpm recover lookup --grant 7b0e… --field ip
  pnpm recover lookup --grant 7b0e… --contract orders --field email < address.txt`,
    )
    .action((options: Options) => find(edge, options));
}

async function find(edge: Edge, options: Options): Promise<void> {
  readSettings(edge.env, ["RECOVER_DATABASE_URL", "MASKLINE_KEYRING"]);
  const contract = await openContract(edge, options.contract);
  requireTokenFields(contract, [options.field]);
  await using recovery = openRecovery(edge);
  const { witness, operator } = await openWitness(edge, recovery);
  const { grants, claims } = recovery;
  const signed = await showUsable({ grants, operator }, options.grant, contract.name);
  const tokenizer = await openTokenizer(edge, contract);
  const value = await readValue(edge);
  const records = await lookUp(
    { claims, witness, operator, tokenizer },
    { contract, signed, field: options.field, value, limit: options.limit },
  );
  const rows = records.map(({ recordId, columns, sentAt }) => ({
    record_id: recordId,
    ...columns,
    sent_at: sentAt.toISOString(),
  }));
  const cells = rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, cell ?? ""])),
  );
  const text = rows.length === 0 ? "No record has it." : formatRows(cells, "table").trimEnd();
  report(edge, options, { json: rows, text: [text] });
  await endCovered(witness, null);
}
