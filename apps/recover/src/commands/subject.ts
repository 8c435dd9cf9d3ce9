/** The subject that somebody named, in the form in which grants take it. */

import type { Selector } from "@org/db";
import { Option } from "commander";
import { openTokenizer, openTokenizerIfAny } from "../compose.ts";
import { type Edge, readStdin } from "../edge.ts";
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
export async function selectSubject(
  edge: Edge,
  contract: AnyContract,
  value: string,
): Promise<SubjectSelector> {
  const field = contract.fields.find(({ name }) => name === contract.subject);
  if (!field?.isMasked) {
    // As PostgreSQL writes it.
    return { kind: "subject", subject: field?.kind === "uuid" ? value.toLowerCase() : value };
  }
  const tokenizer = await openTokenizer(edge, contract);
  return { kind: "subject", tokens: tokenizer.candidates(contract.subject, value) };
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
  const subject = "subject" in selector ? selector.subject : value;
  return { ...selector, tags: tokenizer.candidates(tagField, subject) };
}
