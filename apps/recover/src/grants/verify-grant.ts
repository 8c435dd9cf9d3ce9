/** Whether a grant is what its approvers signed: the database's word alone is not taken. */

import type { Grant } from "@org/db";
import { type RecoverKeyring, verifiedBy } from "../signing.ts";
import { canonicalGrant, digestOf } from "./canonical-grant.ts";

export type Forgery = "forged_approval" | "wrong_records";

/**
 * Null if every approval holds: its signature over exactly these terms and records, by an active
 * key of that very login, which is not the requester's; and as many as grant and keyring require, by
 * different people, before the database calls it live.
 *
 * @param recordIds - What the database says the grant's digest covers.
 */
export function findForgery(
  grant: Grant,
  recordIds: readonly string[],
  keyring: RecoverKeyring,
): Forgery | null {
  const isListed = recordIds.length > 0;
  if (digestOf(recordIds) !== grant.digest) return "wrong_records";
  if (isListed && recordIds.length !== grant.records) return "wrong_records";
  const bytes = canonicalGrant(grant, "approve");
  const approvals = grant.approvals.filter(({ decision }) => decision === "approve");
  const holds = approvals.every(({ approver, keyId, signature }) => {
    const signer = keyring.signers.find(({ kid }) => kid === keyId);
    return (
      approver !== grant.requester &&
      signer?.state === "active" &&
      signer.login === approver &&
      verifiedBy(signer, bytes, Buffer.from(signature, "hex"))
    );
  });
  const required = Math.max(grant.approvalsRequired, keyring.approvalsRequired);
  const isShort = grant.state === "live" && countApprovers(grant) < required;
  return holds && !isShort ? null : "forged_approval";
}

export function countApprovers({ approvals }: Grant): number {
  const approving = approvals.filter(({ decision }) => decision === "approve");
  return new Set(approving.map(({ approver }) => approver)).size;
}
