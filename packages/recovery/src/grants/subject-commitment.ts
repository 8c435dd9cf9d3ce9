/**
 * What binds a grant to the person that its requester named. It hides the value from whoever reads the
 * grant, and holds for no other: so an approver, and whoever opens, can check what a database says.
 */

import { createHash, randomBytes } from "node:crypto";
import type { Commitment, Grant } from "@org/db";
import { canonicalize, isCanonicalizable, lengthPrefixed } from "@org/masking";
import type { AnyContract } from "@org/schema";

export type SubjectContract = Pick<AnyContract, "name" | "subject" | "fields">;

/** @throws MaskingError if the contract masks its subject, and the value is none of it. */
export function commitTo(contract: SubjectContract, value: string): Commitment {
  const salt = randomBytes(32).toString("hex");
  return { salt, commitment: commitmentOf(contract, value, salt) };
}

function commitmentOf(contract: SubjectContract, value: string, salt: string): string {
  const bytes = lengthPrefixed(
    "mk1/subject",
    Buffer.from(salt, "hex"),
    contract.name,
    subjectBytes(contract, value),
  );
  return createHash("sha256").update(bytes).digest("hex");
}

/** Of a value that is masked its canonical form, since it is sealed as it was sent. */
function subjectBytes({ subject, fields }: SubjectContract, value: string): Uint8Array {
  const norm = fields.find(({ name }) => name === subject)?.norm ?? null;
  return norm === null
    ? Buffer.from(plainSubject({ subject, fields }, value))
    : canonicalize(norm, value);
}

/** A plain subject as PostgreSQL writes it. */
export function plainSubject(
  { subject, fields }: Pick<AnyContract, "subject" | "fields">,
  value: string,
): string {
  const isUuid = fields.find(({ name }) => name === subject)?.kind === "uuid";
  return isUuid ? value.toLowerCase() : value;
}

/** Whether two values are one person's. */
export function areSameSubject(contract: SubjectContract, one: string, other: string): boolean {
  const norm = contract.fields.find(({ name }) => name === contract.subject)?.norm ?? null;
  if (norm !== null && ![one, other].every((value) => isCanonicalizable(norm, value))) return false;
  return Buffer.from(subjectBytes(contract, one)).equals(subjectBytes(contract, other));
}

/** Whether the grant says whose records it is for. */
export function namesSubject({ selector }: Pick<Grant, "selector">): boolean {
  return selector["commitment"] !== undefined;
}

/**
 * Whether the grant names just this subject.
 *
 * @param salt - Of the commitment; a wrong one, or none, fits nobody.
 */
export function isNamedIn(
  { selector }: Pick<Grant, "selector">,
  contract: SubjectContract,
  { value, salt }: { readonly value: string; readonly salt: string | null },
): boolean {
  const norm = contract.fields.find(({ name }) => name === contract.subject)?.norm ?? null;
  if (salt === null || (norm !== null && !isCanonicalizable(norm, value))) return false;
  return commitmentOf(contract, value, salt) === selector["commitment"];
}
