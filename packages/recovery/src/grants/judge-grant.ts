/** What an approver knows of the case, held against what a request means: compared, never listed. */

import type { Comparison, Grant, Grants } from "@org/db";
import { isCanonicalizable } from "@org/masking";
import { tagField } from "@org/schema";
import { exit, RecoverError } from "../exit.ts";
import { tokenSourcesOf } from "../open/compare.ts";
import { granted, refusal } from "../refusals.ts";
import { tokensOf } from "./find-excess.ts";
import { compareSubject, type Known, type OpenTokenizer } from "./name-subject.ts";
import { isNamedIn, plainSubject } from "./subject-commitment.ts";

export interface JudgePorts {
  readonly grants: Pick<Grants, "compare">;
  readonly openTokenizer: OpenTokenizer;
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
 * @throws {@link RecoverError} (exit 3) if the request is for another, or for others as well; (exit 30) if the database says it
 *   is not, against what would be signed.
 */
export async function judgeSubject(ports: JudgePorts, known: Known): Promise<Judged> {
  const { grant, contract, value } = requireContract(known);
  const compared = await compareSubject(known, ports.openTokenizer);
  const { isNamed, records, salt } = granted(await ports.grants.compare(grant.id, compared));
  if (isNamed === false) throw refusal("wrong_subject");
  if (isNamed === true && !isNamedIn(grant, contract, { value, salt })) throw lie;
  if (isNamed === true) requireAllOf(tokensOf(grant), "tokens" in compared ? compared.tokens : []);
  if (isNamed === true) await requireTagsOf(ports, known);
  if (isNamed === null && records !== grant.records) throw refusal("not_all_of_subject");
  return { what: "subject", isNamed, records };
}

/** The same, of a masked value and the tokens that the request names. */
export async function judgeValue(ports: JudgePorts, known: Known): Promise<Judged> {
  const { grant, contract, value } = requireContract(known);
  const tokenizer = await ports.openTokenizer();
  const isLookup = grant.capability === "lookup";
  const tokens = tokenSourcesOf(contract)
    .filter(({ tokenField }) => !isLookup || grant.fields.includes(tokenField))
    .filter(({ norm }) => isCanonicalizable(norm, value))
    .flatMap(({ tokenField }) => tokenizer.candidates(tokenField, value));
  if (tokens.length === 0) throw refusal("wrong_value");
  const compared = { what: "value", tokens } as const;
  const answer: Comparison = granted(await ports.grants.compare(grant.id, compared));
  const { isNamed, records } = answer;
  if (isNamed === false || (isNamed === null && records === 0)) throw refusal("wrong_value");
  const { kind, token } = grant.selector;
  const named = kind === "value" ? tokensOf(grant) : [String(token)];
  if (isNamed === true && !tokens.some((one) => named.includes(one))) throw lie;
  if (isNamed === true) requireAllOf(named, tokens);
  return { what: "value", isNamed, records };
}

function requireContract(known: Known): Known {
  if (known.contract.name !== known.grant.contract) throw refusal("wrong_contract");
  return known;
}

/** A request that somebody made by hand names several values, and one of them is this. */
function requireAllOf(named: readonly string[], tokens: readonly string[]): void {
  if (!named.every((one) => tokens.includes(one))) throw refusal("wrong_tokens");
}

/** Quarantined bodies are erased by these, and their commitment covers none. */
async function requireTagsOf(
  { openTokenizer }: JudgePorts,
  { grant, contract, value }: Known,
): Promise<void> {
  const { tags } = grant.selector;
  if (!Array.isArray(tags)) return;
  const tokenizer = await openTokenizer();
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
