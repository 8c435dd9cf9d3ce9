/** The subject that somebody named, in the form in which grants take it. */

import type { NamedSubject } from "@org/db";
import { Option } from "commander";
import { openTokenizer } from "../compose.ts";
import { type Edge, readStdin } from "../edge.ts";
import { nameSubject as nameSubjectBy } from "@org/recovery";
import type { AnyContract } from "@org/schema";

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
