/** The subject that somebody named, in the form in which grants take it. */

import type { Compared, Grant, NamedSubject, Selector } from "@org/db";
import type { Tokenizer } from "@org/masking";
import { type AnyContract, tagField } from "@org/schema";
import { commitTo, plainSubject } from "./subject-commitment.ts";

/** Of the contract's token fields, and of tags; asked for only where a subject is masked. */
export type OpenTokenizer = () => Promise<Tokenizer<string>>;

/** By the value where the contract keeps it plain, else by its tokens: the value itself goes nowhere. */
export async function nameSubject(
  contract: AnyContract,
  value: string,
  openTokenizer: OpenTokenizer,
): Promise<NamedSubject> {
  const commitment = commitTo(contract, value);
  if (!isSubjectMasked(contract)) return { ...commitment, subject: plainSubject(contract, value) };
  const tokenizer = await openTokenizer();
  return { ...commitment, tokens: tokenizer.candidates(contract.subject, value) };
}

export type SubjectSelector = Extract<Selector, { readonly kind: "subject" }>;

/**
 * With the tags under which messages of the subject stand in quarantine, to erase or to list these too. Without
 * the token key none: the database refuses that where there are tags.
 */
export function withTags(
  selector: SubjectSelector,
  { contract, value }: Omit<Known, "grant">,
  tokenizer: Tokenizer<string> | null,
): SubjectSelector {
  if (tokenizer === null) return selector;
  return { ...selector, tags: tokenizer.candidates(tagField, plainSubject(contract, value)) };
}

/** What is held against a grant. */
export interface Known {
  readonly grant: Grant;
  readonly contract: AnyContract;
  readonly value: string;
}

/** In the form in which the database compares it with what a request means. */
export async function compareSubject(
  { grant, contract, value }: Known,
  openTokenizer: OpenTokenizer,
): Promise<Compared> {
  const what = "subject";
  const isOfBodies = grant.selector.kind === "quarantine";
  if (!isOfBodies && !isSubjectMasked(contract)) {
    return { what, subject: plainSubject(contract, value) };
  }
  const tokenizer = await openTokenizer();
  const subject = plainSubject(contract, value);
  return { what, tokens: tokenizer.candidates(isOfBodies ? tagField : contract.subject, subject) };
}

function isSubjectMasked({ fields, subject }: AnyContract): boolean {
  return fields.some(({ name, isMasked }) => name === subject && isMasked);
}
