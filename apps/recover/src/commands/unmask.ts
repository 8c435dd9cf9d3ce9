/** `recover unmask`: opens values under a grant. */

import type { Grant } from "@org/db";
import type { AnyContract } from "@org/schema";
import { Command, Option } from "commander";
import {
  openContract,
  openRecovery,
  openTokenizerIfAny,
  openUnsealer,
  openWitness,
} from "../compose.ts";
import { resolvePath } from "../config.ts";
import { confirmOrEnd, type Edge } from "../edge.ts";
import {
  chooseRecords,
  endCovered,
  endOf,
  exit,
  isNamedIn,
  namesSubject,
  printable,
  printableJson,
  RecoverError,
  refusal,
  requireOpenableFields,
  type Reveal,
  showUsable,
  unmask as unmaskRecords,
  type UnmaskOrder,
} from "@org/recovery";
import { type Format, openResultFile } from "../result-file.ts";
import { contractOption, uuids } from "../option-values.ts";
import { readSubject, subjectOptions } from "./subject.ts";

export interface UnmaskOptions {
  readonly grant: string;
  readonly contract?: string;
  readonly record?: readonly string[];
  readonly field?: readonly string[];
  readonly subject?: string;
  readonly user?: string;
  readonly out?: string;
  readonly print: boolean;
  readonly format: Format;
  readonly reveal: Reveal;
  readonly yes: boolean;
  readonly json: boolean;
}

export function unmask(edge: Edge): Command {
  const [subject, user] = subjectOptions();
  return withResultOptions(new Command("unmask"))
    .description("open values under a grant")
    .option("--record <id...>", "only these records of the grant", uuids)
    .option("--field <name...>", "only these fields of the grant")
    .addOption(subject)
    .addOption(user)
    .addOption(
      new Option("--reveal <how>", "partial: /24, /64, the last four characters")
        .choices(["full", "partial"])
        .default("full"),
    )
    .addHelpText(
      "after",
      `
In this order: the grant's signatures are checked; the records are claimed, which is audited;
a signed checkpoint of that is put outside the database; only then are sealed values fetched and
opened. If any of it fails, nothing is opened.

Each record says whose it is: nothing is shown of one that is another person's than its row says, than
the grant names, or than --subject: exit 30.
With MASKLINE_KEYRING set, each row's tokens are made again and compared; exit 30 if they differ.

Examples:
  pnpm recover unmask --grant 7b0e… --out case-4711.csv --format csv
  pnpm recover unmask --grant 7b0e… --record 0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d --print`,
    )
    .action((options: UnmaskOptions) => open(edge, options));
}

/** Options of every command that shows opened values. */
export function withResultOptions(command: Command): Command {
  return command
    .requiredOption("--grant <id>", "the approved grant")
    .addOption(contractOption())
    .option("--out <path>", "write the values to this new file, mode 0600")
    .option("--print", "write the values to standard output", false)
    .addOption(
      new Option("--format <format>", "table, jsonl or csv")
        .choices(["table", "jsonl", "csv"])
        .default("table"),
    )
    .option("--yes", "do not ask on a terminal", false)
    .option("--json", "print what was done as one JSON document", false);
}

/** Runs the whole of unmasking, for `unmask` and `quarantine show`. */
export async function open(edge: Edge, options: UnmaskOptions): Promise<void> {
  const { out, print } = options;
  if ((out === undefined) === !print) {
    throw new RecoverError(exit.configuration, "Say where the values go: --out PATH, or --print.", {
      advice: "Opened values are never shown unasked.",
    });
  }
  const contract = await openContract(edge, options.contract);
  requireOpenableFields(contract, options.field ?? []);
  const subject = await readSubject(edge, options);
  await using recovery = openRecovery(edge);
  const { witness, operator } = await openWitness(edge, recovery);
  const unsealer = await openUnsealer(edge, recovery);
  const tokenizer = await openTokenizerIfAny(edge, contract);
  const { grants, claims } = recovery;

  const signed = await showUsable({ grants, operator }, options.grant, contract.name);
  const { grant } = signed;
  requireSubject(grant, contract, subject);
  const order: UnmaskOrder = {
    contract,
    signed,
    fields: options.field ?? grant.fields,
    recordIds: chooseRecords(signed, options.record),
    subject,
    reveal: grant.reveal === "partial" ? "partial" : options.reveal,
  };
  await confirmOrEnd(edge, options.yes, [
    `You are to open ${order.fields.join(", ")} of ${order.recordIds.length} record(s).`,
    `Purpose: ${printable(grant.purpose)}, ticket ${printable(grant.ticket)}. This is audited under your name.`,
  ]);
  const path = out === undefined ? null : resolvePath(edge.env, out);
  const result = await openResultFile(path, options.format, edge.stdout);
  try {
    const ports = { claims, witness, operator, unsealer, tokenizer, result };
    const unmasked = await unmaskRecords(ports, order);
    const { opened, missing } = unmasked;
    const said = options.json
      ? printableJson({ ...unmasked, out: path })
      : `Opened ${opened} record(s)${path === null ? "" : ` into ${path}`}; ${missing} had no sealed value.`;
    // With --print, standard output is the values' alone.
    (print ? edge.stderr : edge.stdout).write(`${said}\n`);
    await endCovered(witness, endOf(unmasked));
  } finally {
    await result.close();
  }
}

/** Before a claim is spent: whoever names another subject than the grant opens nothing. */
function requireSubject(grant: Grant, contract: AnyContract, value: string | undefined): void {
  if (value === undefined) return;
  if (grant.selector.kind === "quarantine") throw refusal("nothing_to_compare");
  const { subjectSalt: salt } = grant;
  if (namesSubject(grant) && !isNamedIn(grant, contract, { value, salt })) {
    throw refusal("wrong_subject");
  }
}
