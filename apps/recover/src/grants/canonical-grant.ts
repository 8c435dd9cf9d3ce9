/** What an approver signs: the decision, the deployment, and every term of the grant, as bytes. */

import { createHash } from "node:crypto";
import type { Grant } from "@org/db";
import { lengthPrefixed } from "@org/masking";

export interface Signed {
  readonly decision: "approve" | "deny";
  /** As the recover keyring names it: what was approved on another system holds nowhere else. */
  readonly deployment: string;
}

/**
 * The same terms give the same bytes, whatever order the database writes its JSON in. The decision
 * is among them: a denial must not pass for an approval.
 */
export function canonicalGrant(grant: Grant, { decision, deployment }: Signed): Uint8Array {
  return lengthPrefixed(
    "mk1/grant",
    decision,
    deployment,
    grant.id,
    grant.tenant,
    grant.contract,
    grant.requester,
    grant.capability,
    lengthPrefixed(...grant.fields),
    canonicalJson(grant.selector),
    grant.digest,
    String(grant.records),
    grant.purpose,
    grant.ticket,
    grant.justification,
    grant.reveal,
    String(grant.maxRecords),
    String(grant.approvalsRequired),
    grant.nonce,
    grant.createdAt,
    grant.expiresAt,
  );
}

/** Without white space, members in ascending order of their names at every depth. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

/** SHA-256 over the record ids, 16 bytes each, in ascending order; hexadecimal. */
export function digestOf(recordIds: readonly string[]): string {
  const hash = createHash("sha256");
  for (const id of recordIds.toSorted()) hash.update(id.replaceAll("-", ""), "hex");
  return hash.digest("hex");
}
