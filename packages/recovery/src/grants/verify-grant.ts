/** Whether a grant is what its approvers signed: the database's word alone is not taken. */

import type { Approval, Grant, GrantState, OpenGrant } from "@org/db";
import {
  approvalsFor,
  findSigner,
  type RecoverKeyring,
  verifiedBy,
} from "../signing/recover-keyring.ts";
import { canonicalGrant, digestOf } from "./canonical-grant.ts";

export type Forgery = "forged_approval" | "wrong_records";

/**
 * Null if every approval holds: its signature over exactly these terms and records, by an active
 * key of that very login, who may approve and is not the requester; and as many as the grant requires,
 * by different people, before the database calls it live.
 *
 * @param recordIds - What the database says the grant's digest covers.
 */
export function findForgery(
  grant: Grant,
  recordIds: readonly string[],
  keyring: RecoverKeyring,
): Forgery | null {
  if (!isOfRecords(grant, recordIds)) return "wrong_records";
  const holds = approvalsOf(grant).every(
    (approval) =>
      isSigned(grant, approval, keyring) &&
      findSigner(keyring, approval.keyId, "approve")?.state === "active",
  );
  const isShort =
    grant.state === "live" && countApprovers(grant) < Math.max(1, grant.approvalsRequired);
  return holds && !isShort ? null : "forged_approval";
}

/** Whether the grant's digest and number are those of these records. */
export function isOfRecords(grant: Grant, recordIds: readonly string[]): boolean {
  return digestOf(recordIds) === grant.digest && recordIds.length === grant.records;
}

/** By whoever the keyring lets approve, for the login that approved; the key may be retired since. */
export function isSigned(
  grant: Grant,
  { approver, decision, keyId, signature }: Approval,
  keyring: RecoverKeyring,
): boolean {
  const signer = findSigner(keyring, keyId, "approve");
  const { deployment } = keyring;
  const bytes = canonicalGrant(grant, { decision, deployment });
  if (signer === undefined || signer.login !== approver) return false;
  return approver !== grant.requester && verifiedBy(signer, bytes, Buffer.from(signature, "hex"));
}

export function approvalsOf<Each extends OpenGrant["approvals"][number]>({
  approvals,
}: {
  readonly approvals: readonly Each[];
}): readonly Each[] {
  return approvals.filter(({ decision }) => decision === "approve");
}

export function countApprovers(grant: OpenGrant): number {
  return new Set(approvalsOf(grant).map(({ approver }) => approver)).size;
}

/** The database calls a grant live by its own number; the recover keyring may ask for more. */
export function stateOf(grant: OpenGrant, keyring: RecoverKeyring): GrantState {
  const isShort = grant.state === "live" && countApprovers(grant) < requiredFor(grant, keyring);
  return isShort ? "pending" : grant.state;
}

/**
 * What grant and keyring ask for, whichever is more. Nobody else decides how many approvals count.
 *
 * @param atMs - When it is used. When it was asked for is the database's word, until approvals sign it.
 */
export function requiredFor(grant: OpenGrant, keyring: RecoverKeyring, atMs = Date.now()): number {
  const { records, approvalsRequired } = grant;
  return Math.max(approvalsRequired, approvalsFor(keyring, { records, atMs }));
}
