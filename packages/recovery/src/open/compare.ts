/** Whether opened originals are those of the row that they stand beside. */

import { isCanonicalizable, type NormId, type Tokenizer } from "@org/masking";
import type { AnyContract } from "@org/schema";

/** What was sealed, by field. */
export type Originals = Readonly<Record<string, string>>;

/** A masked field or a view of one, and the field whose original its token is made of. */
export interface TokenSource {
  readonly tokenField: string;
  readonly field: string;
  readonly norm: NormId;
}

export function tokenSourcesOf({ fields }: Pick<AnyContract, "fields">): TokenSource[] {
  return fields.flatMap(({ name, norm, views }): TokenSource[] => {
    if (norm === null) return [];
    const others = Object.entries(views).map(([tokenField, viewNorm]) => ({
      tokenField,
      field: name,
      norm: viewNorm,
    }));
    return [{ tokenField: name, field: name, norm }, ...others];
  });
}

/**
 * Each token is one of the original's, under whichever usable key it was made; and where the row has
 * none, there is no original.
 */
export function fitTokens(
  originals: Originals,
  tokens: Readonly<Record<string, string>>,
  {
    sources,
    tokenizer,
  }: { readonly sources: readonly TokenSource[]; readonly tokenizer: Tokenizer<string> },
): boolean {
  return sources.every(({ tokenField, field, norm }) => {
    const original = originals[field];
    const token = tokens[tokenField];
    if (original === undefined || token === undefined) return original === token;
    const fits = (candidate: string): boolean => candidate === token;
    return (
      isCanonicalizable(norm, original) && tokenizer.candidates(tokenField, original).some(fits)
    );
  });
}

/**
 * Whether a record was sealed for whoever the row says it is of. Where only a token says so, that is
 * compared as the other tokens are.
 */
export function isOfSubject(
  originals: Originals,
  rowSubject: string | null,
  { subject, fields }: Pick<AnyContract, "subject" | "fields">,
): boolean {
  const isMasked = fields.some((field) => field.name === subject && field.isMasked);
  return isMasked || (originals[subject] ?? null) === rowSubject;
}
