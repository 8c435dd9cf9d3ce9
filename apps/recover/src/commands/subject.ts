/** The subject that somebody named, in the form in which grants take it. */

import type { Compared, Grant, NamedSubject, Selector } from "@org/db";
import { Option } from "commander";
import { openTokenizer, openTokenizerIfAny } from "../compose.ts";
import { type Edge, readStdin } from "../edge.ts";
import { commitTo, plainSubject } from "@org/recovery";
import { type AnyContract, tagField } from "@org/schema";

export type SubjectSelector = Extract<Selector, { readonly kind: "subject" }>;

export interface SubjectOptions {
  readonly subject?: string;
  readonly user?: string;
}

export function subjectOptions(): readonly [Option, Option] {
  const about = "whose records, by the contract's subject; - reads it from standard input";
  return [
    new Option("--subject <value>", about),
    new Option("--user <value>", "the same").hideHelp().conflicts("subject"),
  ];
}

/** The value, if one was named. */
export async function readSubject(
  edge: Edge,
  { subject, user }: SubjectOptions,
): Promise<string | undefined> {
  const named = subject ?? user;
  return named === "-" ? await readStdin(edge) : named;
}

/** By the value where the contract keeps it plain, else by its tokens: the value itself goes nowhere. */
export async function nameSubject(
  edge: Edge,
  contract: AnyContract,
  value: string,
): Promise<NamedSubject> {
  const commitment = commitTo(contract, value);
  if (!isSubjectMasked(contract)) return { ...commitment, subject: plainSubject(contract, value) };
  const tokenizer = await openTokenizer(edge, contract);
  return { ...commitment, tokens: tokenizer.candidates(contract.subject, value) };
}

/** In the form in which the database compares it with what a request means. */
export async function compareSubject(
  edge: Edge,
  contract: AnyContract,
  { grant, value }: { readonly grant: Grant; readonly value: string },
): Promise<Compared> {
  const what = "subject";
  const isOfBodies = grant.selector.kind === "quarantine";
  if (!isOfBodies && !isSubjectMasked(contract)) {
    return { what, subject: plainSubject(contract, value) };
  }
  const tokenizer = await openTokenizer(edge, contract);
  const subject = plainSubject(contract, value);
  return { what, tokens: tokenizer.candidates(isOfBodies ? tagField : contract.subject, subject) };
}

function isSubjectMasked({ fields, subject }: AnyContract): boolean {
  return fields.some(({ name, isMasked }) => name === subject && isMasked);
}

/**
 * With the tags under which messages of the subject stand in quarantine, to erase these too. Without
 * the token key none: the database refuses that where there are tags.
 */
export async function withTags(
  edge: Edge,
  contract: AnyContract,
  { value, selector }: { readonly value: string; readonly selector: SubjectSelector },
): Promise<SubjectSelector> {
  const tokenizer = await openTokenizerIfAny(edge, contract);
  if (tokenizer === null) return selector;
  return { ...selector, tags: tokenizer.candidates(tagField, plainSubject(contract, value)) };
}
