/** What an approver knows of the case, held against what a request means: compared, never listed. */

import type { Comparison, Grant, Grants } from "@org/db";
import { isCanonicalizable } from "@org/masking";
import { type AnyContract, tagField } from "@org/schema";
import { Option } from "commander";
import { openContract, openTokenizer } from "../compose.ts";
import { type Edge, readStdin } from "../edge.ts";
import {
  exit,
  granted,
  isNamedIn,
  plainSubject,
  RecoverError,
  refusal,
  tokensOf,
  tokenSourcesOf,
} from "@org/recovery";
import { compareSubject } from "./subject.ts";

export interface CompareOptions {
  readonly contract?: string;
  readonly subject?: string;
  readonly value?: string;
}

export function compareOptions(): readonly [Option, Option] {
  return [
    new Option("--subject <value>", "go on only if it is for this subject; - reads standard input"),
    new Option(
      "--value <value>",
      "go on only if it is for this masked value; - reads standard input",
    ).conflicts("subject"),
  ];
}

export interface Judged {
  readonly what: "subject" | "value";
  /** Null where the request names none. */
  readonly isNamed: boolean | null;
  /** How many of the records that it lists are of it; null where it lists none. */
  readonly records: number | null;
}

/**
 * That the request names the subject is proved here: whatever the database says, its commitment opens
 * for no other, and no token or tag beside it is anybody else's. How many records are of it is the database's word.
 *
 * @returns Null where nothing was to be compared.
 * @throws {@link RecoverError} (exit 3) if the request is for another, or for others as well; (exit 30) if the database says it
 *   is not, against what would be signed.
 */
export async function compareGrant(
  edge: Edge,
  grants: Pick<Grants, "compare">,
  { grant, ...options }: CompareOptions & { readonly grant: Grant },
): Promise<Judged | null> {
  const { subject, value } = options;
  const given = subject ?? value;
  if (given === undefined) return null;
  const contract = await openContract(edge, options.contract);
  if (contract.name !== grant.contract) throw refusal("wrong_contract");
  const known = { grant, contract, value: given === "-" ? await readStdin(edge) : given };
  return subject === undefined
    ? judgeValue(edge, grants, known)
    : judgeSubject(edge, grants, known);
}

interface Known {
  readonly grant: Grant;
  readonly contract: AnyContract;
  readonly value: string;
}

async function judgeSubject(
  edge: Edge,
  grants: Pick<Grants, "compare">,
  known: Known,
): Promise<Judged> {
  const { grant, contract, value } = known;
  const compared = await compareSubject(edge, contract, { grant, value });
  const { isNamed, records, salt } = granted(await grants.compare(grant.id, compared));
  if (isNamed === false) throw refusal("wrong_subject");
  if (isNamed === true && !isNamedIn(grant, contract, { value, salt })) throw lie;
  if (isNamed === true) requireAllOf(tokensOf(grant), "tokens" in compared ? compared.tokens : []);
  if (isNamed === true) await requireTagsOf(edge, known);
  if (isNamed === null && records !== grant.records) throw refusal("not_all_of_subject");
  return { what: "subject", isNamed, records };
}

async function judgeValue(
  edge: Edge,
  grants: Pick<Grants, "compare">,
  { grant, contract, value }: Known,
): Promise<Judged> {
  const tokenizer = await openTokenizer(edge, contract);
  const isLookup = grant.capability === "lookup";
  const tokens = tokenSourcesOf(contract)
    .filter(({ tokenField }) => !isLookup || grant.fields.includes(tokenField))
    .filter(({ norm }) => isCanonicalizable(norm, value))
    .flatMap(({ tokenField }) => tokenizer.candidates(tokenField, value));
  if (tokens.length === 0) throw refusal("wrong_value");
  const answer: Comparison = granted(await grants.compare(grant.id, { what: "value", tokens }));
  const { isNamed, records } = answer;
  if (isNamed === false || (isNamed === null && records === 0)) throw refusal("wrong_value");
  const { kind, token } = grant.selector;
  const named = kind === "value" ? tokensOf(grant) : [String(token)];
  if (isNamed === true && !tokens.some((one) => named.includes(one))) throw lie;
  if (isNamed === true) requireAllOf(named, tokens);
  return { what: "value", isNamed, records };
}

/** A request that somebody made by hand names several values, and one of them is this. */
function requireAllOf(named: readonly string[], tokens: readonly string[]): void {
  if (!named.every((one) => tokens.includes(one))) throw refusal("wrong_tokens");
}

/** Quarantined bodies are erased by these, and their commitment covers none. */
async function requireTagsOf(edge: Edge, { grant, contract, value }: Known): Promise<void> {
  const { tags } = grant.selector;
  if (!Array.isArray(tags)) return;
  const tokenizer = await openTokenizer(edge, contract);
  const subject = plainSubject(contract, value);
  requireAllOf(tags.map(String), tokenizer.candidates(tagField, subject));
}

const lie = new RecoverError(
  exit.tampering,
  "The database says that the request names this, and what you would sign does not.",
  { advice: "Nothing was signed. Somebody changed the database: tell the security team." },
);

export function describeJudged({ what, isNamed, records }: Judged, grant: Grant): string {
  const count =
    records === null
      ? ""
      : `; ${records} of its ${grant.records} record(s) are of it, says the database`;
  const named =
    isNamed === null ? `The request names no ${what}` : `The request names this ${what}`;
  return `${named}${count}.`;
}
