/** Asking for access, and what a request may name. */

import type { AccessRequest, Grant, Grants } from "@org/db";
import type { AnyContract } from "@org/schema";
import { exit, RecoverError } from "../exit.ts";
import { granted, refusal } from "../refusals.ts";
import { showGrant } from "./show-verified.ts";

/**
 * The grant that came of it.
 *
 * @throws {@link RecoverError} (exit 3, 4) if the database refuses it; (exit 30) if the grant names another
 *   subject than the request: approvers would judge another.
 */
export async function requestAccess(
  grants: Pick<Grants, "request" | "show">,
  request: AccessRequest,
): Promise<Grant> {
  const { grant: id } = granted(await grants.request(request));
  const grant = await showGrant(grants, id);
  if (grant === null) throw refusal("no_such_grant");
  const { selector } = request;
  const named = "commitment" in selector ? selector.commitment : undefined;
  if (grant.selector["commitment"] === named) return grant;
  throw new RecoverError(exit.tampering, "The grant names another subject than you did.", {
    advice: "Revoke it. Somebody changed the database: tell the security team.",
  });
}

/** What can be looked up by: each masked field, and each view of one. */
export function requireTokenFields(contract: AnyContract, named: readonly string[]): void {
  requireSome(contract, named, Object.keys(contract.tokenFields));
}

/** What can be opened: each masked field, and the body of a quarantined message. */
export function requireOpenableFields(contract: AnyContract, named: readonly string[]): void {
  requireSome(contract, named, [...maskedFields(contract), "body"]);
}

export function maskedFields({ fields }: Pick<AnyContract, "fields">): string[] {
  return fields.filter(({ isMasked }) => isMasked).map(({ name }) => name);
}

function requireSome(
  { name }: AnyContract,
  named: readonly string[],
  allowed: readonly string[],
): void {
  if (named.every((field) => allowed.includes(field))) return;
  throw new RecoverError(exit.configuration, `The contract ${name} has no such field to name.`, {
    advice: `It takes: ${allowed.join(", ")}.`,
  });
}
