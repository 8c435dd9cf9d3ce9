/** The subject that somebody named, in the form in which grants take it. */

import type { NamedSubject, Selector } from "@org/db";
import { Option } from "commander";
import { openTokenizer, openTokenizerIfAny } from "../compose.ts";
import { type Edge, readStdin } from "../edge.ts";
import { nameSubject as nameSubjectBy, plainSubject } from "@org/recovery";
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

/** As the request's selector takes it. */
export function nameSubject(
  edge: Edge,
  contract: AnyContract,
  value: string,
): Promise<NamedSubject> {
  return nameSubjectBy(contract, value, () => openTokenizer(edge, contract));
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
