/** Fields that somebody named, held against the contract: refused before anything is asked. */

import type { AnyContract } from "@org/schema";
import { exit, RecoverError } from "@org/recovery";

/** What can be looked up by: each masked field, and each view of one. */
export function requireTokenFields(contract: AnyContract, named: readonly string[]): void {
  requireSome(contract, named, Object.keys(contract.tokenFields));
}

/** What can be opened: each masked field, and the body of a quarantined message. */
export function requireOpenableFields(contract: AnyContract, named: readonly string[]): void {
  const masked = contract.fields.filter(({ isMasked }) => isMasked).map(({ name }) => name);
  requireSome(contract, named, [...masked, "body"]);
}

function requireSome(
  { name }: AnyContract,
  named: readonly string[],
  allowed: readonly string[],
): void {
  if (named.every((field) => allowed.includes(field))) return;
  throw new RecoverError(exit.configuration, `The contract ${name} has no such field to name.`, {
    advice: `--field takes: ${allowed.join(", ")}.`,
  });
}
