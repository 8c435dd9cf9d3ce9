/** `recover request`: asks for access. */

import type { AccessRequest, Capability, NamedSubject, Selector } from "@org/db";
import type { AnyContract } from "@org/schema";
import { Argument, Command, Option } from "commander";
import { openContract, openRecovery, openTokenizer, openTokenizerIfAny } from "../compose.ts";
import { readSettings } from "../config.ts";
import { confirmOrEnd, type Edge, readValue, report } from "../edge.ts";
import {
  describeGrant,
  exit,
  RecoverError,
  requestAccess,
  requireOpenableFields,
  requireTokenFields,
  withTags,
} from "@org/recovery";
import {
  contractOption,
  day,
  instant,
  positive,
  purposeCode,
  textUpTo,
  token,
  uuids,
} from "../option-values.ts";
import { nameSubject, readSubject, type SubjectOptions, subjectOptions } from "./subject.ts";

interface Options extends SubjectOptions {
  readonly contract?: string;
  readonly field?: readonly string[];
  readonly record?: readonly string[];
  readonly quarantined?: readonly string[];
  readonly token?: string;
  readonly from?: string;
  readonly to?: string;
  readonly before?: string;
  readonly keepTokens: boolean;
  readonly fromKey?: string;
  readonly toKey?: string;
  readonly unopenable: "leave" | "tombstone";
  readonly purpose: string;
  readonly ticket: string;
  readonly justification: string;
  readonly reveal: "full" | "partial";
  readonly maxRecords?: number;
  readonly minutes: number;
  readonly yes: boolean;
  readonly json: boolean;
}

export function request(edge: Edge): Command {
  const [subject, user] = subjectOptions();
  return new Command("request")
    .description("ask for access; somebody else approves it")
    .addArgument(
      new Argument("<capability>", "what for").choices([
        "unmask",
        "lookup",
        "dossier",
        "erase",
        "rewrap",
        "retoken",
        "retry",
      ]),
    )
    .addOption(contractOption())
    .option("--field <name...>", "masked fields of the contract, or body of quarantined messages")
    .option("--record <id...>", "records by id", uuids)
    .option("--quarantined <id...>", "quarantined messages by record id", uuids)
    .option("--token <token>", "records with this masked value", token)
    .addOption(subject)
    .addOption(user)
    .option("--from <time>", "records sent since (ISO 8601), with --to", instant)
    .option("--to <time>", "records sent before, with --from", instant)
    .option("--before <date>", "erase: records of days before this one (UTC)", day)
    .option("--keep-tokens", "erase: leave the masked values in the rows", false)
    .option("--from-key <kid>", "rewrap, retoken: the key to leave")
    .option("--to-key <kid>", "rewrap, retoken: the key to move to")
    .addOption(
      new Option("--unopenable <what>", "retoken: what becomes of tokens that nobody can open")
        .choices(["leave", "tombstone"])
        .default("leave"),
    )
    .requiredOption(
      "--purpose <code>",
      "such as fraud, security-incident, subject-request",
      purposeCode,
    )
    .requiredOption("--ticket <id>", "where the case is kept", textUpTo(128))
    .requiredOption(
      "--justification <text>",
      "why; approvers read it. No personal data",
      textUpTo(2000),
    )
    .addOption(
      new Option("--reveal <how>", "how much of a value")
        .choices(["full", "partial"])
        .default("full"),
    )
    .option("--max-records <n>", "how many may be opened (look-ups: how often)", positive)
    .option("--minutes <n>", "how long the grant lives", positive, 60)
    .option("--yes", "do not ask on a terminal", false)
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
What goes with what:
  unmask    --field NAME…, and one of --record, --token, --subject, --from with --to;
            --subject beside one of the others: of those, that person's alone
            --field body, and --quarantined
  lookup    --field NAME, and the value on standard input
  dossier   --subject
  retry     --quarantined
  erase     one of --record, --subject, --before, --quarantined
  rewrap    --from-key and --to-key: recipients
  retoken   --from-key and --to-key: token keys; --unopenable
unmask, lookup and dossier take membership in maskline_requester, the others in maskline_custodian. rewrap is
of what all contracts share; every other grant is for one contract. A grant names a subject by a hash,
and a look-up's value by its tokens: approvers hold their own knowledge against it, and what is
opened must be of that subject.

Examples:
  pnpm recover request unmask --field ip --record 0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d \\
    --purpose fraud --ticket SEC-4711 --justification "Account takeover, see ticket"
  pnpm recover request erase --subject 424cdd21-063a-43a7-b91b-7ca1a833afae \\
    --purpose subject-request --ticket GDPR-12 --justification "Erasure request of 3 May"`,
    )
    .action((capability: Capability, options: Options) => ask(edge, capability, options));
}

async function ask(edge: Edge, capability: Capability, options: Options): Promise<void> {
  const { MASKLINE_TENANT: tenant } = readSettings(edge.env, ["MASKLINE_TENANT"]);
  const contract = await openContract(edge, options.contract);
  const fields = options.field ?? [];
  (capability === "lookup" ? requireTokenFields : requireOpenableFields)(contract, fields);
  const value = await readSubject(edge, options);
  const subject = value === undefined ? undefined : await nameSubject(edge, contract, value);
  const chosen = selectorOf(options, { capability, subject });
  const wanted: AccessRequest = {
    tenant,
    contract: capability === "rewrap" ? "*" : contract.name,
    capability,
    fields,
    selector: await completed(edge, chosen, { contract, fields, capability, subject: value }),
    purpose: options.purpose,
    ticket: options.ticket,
    justification: options.justification,
    reveal: options.reveal,
    maxRecords: options.maxRecords ?? null,
    minutes: options.minutes,
  };
  await using recovery = openRecovery(edge);
  await confirmOrEnd(edge, options.yes, [
    `You ask to ${capability} ${[wanted.contract, ...fields].join(", ")}, chosen by ${wanted.selector.kind}, for ${wanted.minutes} minutes.`,
    "A member of maskline_approver other than you will see your name, purpose, ticket and justification.",
  ]);
  const grant = await requestAccess(recovery.grants, wanted);
  const { id, state, records } = grant;
  report(edge, options, {
    json: { grant: id, state, records },
    text: [...describeGrant(grant), "", `Next, another person: recover approve ${id}`],
  });
}

interface Wanted {
  readonly contract: AnyContract;
  readonly fields: readonly string[];
  readonly capability: Capability;
  /** The value, if one was named. */
  readonly subject: string | undefined;
}

/** With what only a token key finds: the tags of a subject to erase, and the tokens of a value to look up. */
async function completed(
  edge: Edge,
  selector: Selector | "value",
  { contract, fields, capability, subject }: Wanted,
): Promise<Selector> {
  if (selector !== "value") {
    const isWhole = capability === "erase" || capability === "dossier";
    return isWhole && subject !== undefined && selector.kind === "subject"
      ? withTags(selector, { contract, value: subject }, await openTokenizerIfAny(edge, contract))
      : selector;
  }
  const [field, ...others] = fields;
  if (field === undefined || others.length > 0) {
    throw new RecoverError(exit.configuration, "A look-up is of one value in one field.", {
      advice: "Name one with --field.",
    });
  }
  const tokenizer = await openTokenizer(edge, contract);
  return { kind: "value", tokens: tokenizer.candidates(field, await readValue(edge)) };
}

interface Choice {
  readonly capability: Capability;
  readonly subject: NamedSubject | undefined;
}

function selectorOf(options: Options, { capability, subject }: Choice): Selector | "value" {
  const { record, quarantined, from, to, before, keepTokens, fromKey, toKey } = options;
  const isNarrowed = subject !== undefined && capability === "unmask";
  const of = isNarrowed ? subject : {};
  const found: Selector[] = [];
  if (record) found.push({ kind: "records", ids: record, ...keeping(keepTokens), ...of });
  if (quarantined) found.push({ kind: "quarantine", ids: quarantined });
  if (options.token !== undefined) found.push({ kind: "token", token: options.token, ...of });
  if (from !== undefined && to !== undefined) found.push({ kind: "time", from, to, ...of });
  if (before !== undefined) found.push({ kind: "before", date: before, ...keeping(keepTokens) });
  if (fromKey !== undefined && toKey !== undefined) {
    const keys = { from: fromKey, to: toKey };
    if (capability === "rewrap") found.push({ kind: "recipient", ...keys });
    else found.push({ kind: "token_key", ...keys, ...tombstoning(options.unopenable) });
  }
  // Of a body nobody has said whose it is.
  const isAlone = !isNarrowed || found.length === 0 || quarantined !== undefined;
  if (subject !== undefined && isAlone) {
    found.push({ kind: "subject", ...subject, ...keeping(keepTokens) });
  }
  if (found.length === 0 && capability === "lookup") return "value";
  const [selector] = found;
  if (found.length === 1 && selector !== undefined) return selector;
  throw new RecoverError(exit.configuration, "Choose the records in exactly one way.", {
    advice: "`recover request --help` shows what goes with what.",
  });
}

function tombstoning(unopenable: Options["unopenable"]): { unopenable?: "tombstone" } {
  return unopenable === "tombstone" ? { unopenable } : {};
}

function keeping(keepTokens: boolean): { keepTokens?: true } {
  return keepTokens ? { keepTokens } : {};
}
