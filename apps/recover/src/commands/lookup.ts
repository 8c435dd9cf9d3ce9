/** `recover lookup`: finds the records of a raw value. */

import { Command, Option } from "commander";
import { openRecovery, openTokenizer, openWitness } from "../compose.ts";
import { readSettings } from "../config.ts";
import { type Edge, readStdin, report } from "../edge.ts";
import { exit, RecoverError } from "../exit.ts";
import { endCovered } from "../open/claim.ts";
import { lookup as lookUp, type LookupField } from "../open/lookup.ts";
import { positive } from "../option-values.ts";
import { formatRows } from "../open/result-file.ts";
import { showUsable } from "../grants/show-verified.ts";

interface Options {
  readonly grant: string;
  readonly field: LookupField;
  readonly limit: number;
  readonly json: boolean;
}

export function lookup(edge: Edge): Command {
  return new Command("lookup")
    .description("find the records of a raw value, read from standard input; they stay masked")
    .requiredOption("--grant <id>", "the approved grant")
    .addOption(
      new Option("--field <name>", "what the value is")
        .choices(["ip", "device_id"])
        .makeOptionMandatory(),
    )
    .option("--limit <n>", "most records to show", positive, 1000)
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
The value is tokenised under every usable key of MASKLINE_KEYRING. It confirms guesses, so it
takes a grant, and the audit names the tokens; the value itself goes nowhere. Type it, or read it
from a file: on the command line it would stand in the shell's history.

Examples:
  pnpm recover lookup --grant 7b0e… --field ip
  pnpm recover lookup --grant 7b0e… --field device_id < device.txt`,
    )
    .action((options: Options) => find(edge, options));
}

async function find(edge: Edge, options: Options): Promise<void> {
  readSettings(edge.env, ["RECOVER_DATABASE_URL", "MASKLINE_KEYRING"]);
  await using recovery = openRecovery(edge);
  const { witness, operator } = await openWitness(edge, recovery);
  const { grants, claims } = recovery;
  const signed = await showUsable({ grants, operator }, options.grant);
  const tokenizer = await openTokenizer(edge);
  const value = await readStdin(edge);
  if (tokenizer === null || value === "") {
    throw new RecoverError(exit.configuration, "There is no value on standard input.", {
      advice: "Type it and end with Ctrl-D, or redirect a file.",
    });
  }
  const records = await lookUp(
    { claims, witness, operator, tokenizer },
    { signed, field: options.field, value, limit: options.limit },
  );
  const rows = records.map((record) => ({
    record_id: record.recordId,
    user_id: record.userId,
    device_type: record.deviceType,
    masked_ip: record.maskedIp,
    masked_device_id: record.maskedDeviceId,
    sent_at: record.sentAt.toISOString(),
  }));
  const text = rows.length === 0 ? "No record has it." : formatRows(rows, "table").trimEnd();
  report(edge, options, { json: rows, text: [text] });
  await endCovered(witness, null);
}
