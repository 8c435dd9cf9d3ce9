/** Whose message a body is, where it could not become a row: as a token, so that it can be erased with its subject's rows. */
import type { NormId, Token } from "@org/masking";

import type { AnyContract } from "./contract.ts";
import { readDocument } from "./document.ts";
import { parseKeepingDigits } from "./json-number.ts";
import { readerOf } from "./read-field.ts";
import { isOffloaded, unwrap, unwrapNothing, type UnwrapPolicy } from "./unwrap.ts";

/** The field of a tokenizer that makes tags: no field of a contract has this name, so no row has such a token. */
export const tagField = "subject.tag";

/** What a tokenizer is made of, beside the contract's own fields, to make tags. */
export function tagFields({
  fields,
  subject,
}: AnyContract): Readonly<Record<typeof tagField, NormId>> {
  const norm = fields.find(({ name }) => name === subject)?.norm;
  return { [tagField]: norm ?? "exact/1" };
}

/** What makes tags; `createTokenizer` of @org/masking makes one of {@link tagFields}. */
export interface TagTokenizer {
  readonly tokenize: (field: typeof tagField, value: string) => Token;
}

/** Null where the body does not say whose it is, or says it twice. */
export type SubjectTag = (body: string, attributeNames?: readonly string[]) => Token | null;

/**
 * Builds what tags the bodies of messages that are not taken as one of the contract.
 *
 * Of the body only the subject is read: a message with a fault elsewhere still has one. A body that
 * is no document has none, and neither has one whose subject is not well-formed.
 */
export function createSubjectTag(
  contract: AnyContract,
  tokenizer: TagTokenizer,
  options: { readonly unwrap?: UnwrapPolicy } = {},
): SubjectTag {
  const subject = subjectReader(contract, options.unwrap ?? unwrapNothing);
  return (body, attributeNames = []) => {
    const value = isOffloaded(attributeNames) ? null : subject(body);
    return value === null ? null : tokenizer.tokenize(tagField, value);
  };
}

function subjectReader(
  { fields, subject }: AnyContract,
  policy: UnwrapPolicy,
): (body: string) => string | null {
  const field = fields.find(({ name }) => name === subject);
  if (field === undefined) return () => null;
  const readValue = readerOf(field);
  return (body) => {
    const document = read(body.replace(/^\ufeff/, ""));
    const message = typeof document === "string" ? document : unwrap(document.value, policy, read);
    if (typeof message === "string") return null;
    const [raw, ...others] = valuesAt(message, subject);
    if (raw === undefined || raw === null || raw === "" || others.length > 0) return null;
    const value = readValue(raw);
    return typeof value === "symbol" ? null : String(value);
  };
}

function read(text: string): ReturnType<typeof readDocument> {
  return readDocument(text, parseKeepingDigits);
}

/** What stands at a name, by whichever path: as {@link flatten} names them. Recursion is as deep as the document. */
function valuesAt(parent: object, name: string): unknown[] {
  return Object.entries(parent).flatMap(([key, value]: [string, unknown]) => {
    if (key === name) return [value];
    const isParent = typeof value === "object" && value !== null && name.startsWith(`${key}_`);
    return isParent ? valuesAt(value, name.slice(key.length + 1)) : [];
  });
}
