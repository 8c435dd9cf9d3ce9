/** `recover request`: asks for access. */

import type { AccessRequest, Capability, Selector } from "@org/db";
import type { AnyContract } from "@org/schema";
import { Argument, Command, Option } from "commander";
import { openContract, openRecovery } from "../compose.ts";
import { readSettings } from "../config.ts";
import { confirmOrEnd, type Edge, report } from "../edge.ts";
import { exit, RecoverError } from "../exit.ts";
import { granted } from "../refusals.ts";
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
import { describeGrant } from "./describe-grant.ts";
import { requireOpenableFields, requireTokenFields } from "./fields.ts";
import {
  readSubject,
  selectSubject,
  type SubjectOptions,
  subjectOptions,
  type SubjectSelector,
  withTags,
} from "./subject.ts";

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
    .option("--max-records <n>", "how many may be opened (look-ups: how many values)", positive)
    .option("--minutes <n>", "how long the grant lives", positive, 60)
    .option("--yes", "do not ask on a terminal", false)
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
What goes with what:
  unmask    --field NAME…, and one of --record, --token, --subject, --from with --to
            --field body, and --quarantined
  lookup    --field NAME…
  retry     --quarantined
  erase     one of --record, --subject, --before, --quarantined
  rewrap    --from-key and --to-key: recipients
  retoken   --from-key and --to-key: token keys; --unopenable
unmask and lookup take membership in maskline_requester, the others in maskline_custodian. rewrap is
of what all contracts share; every other grant is for one contract.

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
  const subject =
    value === undefined ? undefined : await subjectFor(edge, { capability, contract, value });
  const wanted: AccessRequest = {
    tenant,
    contract: capability === "rewrap" ? "*" : contract.name,
    capability,
    fields,
    selector: selectorOf(capability, options, subject),
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
  const { grant: id } = granted(await recovery.grants.request(wanted));
  const grant = await recovery.grants.show(id);
  report(edge, options, {
    json: { grant: id, state: grant?.state, records: grant?.records },
    text: [
      ...(grant ? describeGrant(grant) : []),
      "",
      `Next, another person: recover approve ${id}`,
    ],
  });
}

async function subjectFor(
  edge: Edge,
  order: {
    readonly capability: Capability;
    readonly contract: AnyContract;
    readonly value: string;
  },
): Promise<SubjectSelector> {
  const { capability, contract, value } = order;
  const selector = await selectSubject(edge, contract, value);
  return capability === "erase" ? withTags(edge, contract, { value, selector }) : selector;
}

function selectorOf(
  capability: Capability,
  options: Options,
  subject: SubjectSelector | undefined,
): Selector {
  const { record, quarantined, from, to, before, keepTokens, fromKey, toKey } = options;
  const found: Selector[] = [];
  if (record) found.push({ kind: "records", ids: record, ...keeping(keepTokens) });
  if (quarantined) found.push({ kind: "quarantine", ids: quarantined });
  if (options.token !== undefined) found.push({ kind: "token", token: options.token });
  if (subject !== undefined) found.push({ ...subject, ...keeping(keepTokens) });
  if (from !== undefined && to !== undefined) found.push({ kind: "time", from, to });
  if (before !== undefined) found.push({ kind: "before", date: before, ...keeping(keepTokens) });
  if (fromKey !== undefined && toKey !== undefined) {
    const keys = { from: fromKey, to: toKey };
    if (capability === "rewrap") found.push({ kind: "recipient", ...keys });
    else found.push({ kind: "token_key", ...keys, ...tombstoning(options.unopenable) });
  }
  if (found.length === 0 && capability === "lookup") return { kind: "value" };
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
