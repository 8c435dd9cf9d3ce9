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

/** What a passkey signs: SHA-256 of the same bytes. People compare it, in hexadecimal. */
export function challengeOf(grant: Grant, signed: Signed): Uint8Array {
  return createHash("sha256").update(canonicalGrant(grant, signed)).digest();
}

/** Without white space, members in ascending order of their names at every depth. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

const pageRecords = 10_000;

/**
 * SHA-256 over the record ids, 16 bytes each, in ascending order; in pages of 10,000, each after the
 * digest of those before it, as the database makes it. Hexadecimal.
 */
export function digestOf(recordIds: readonly string[]): string {
  const ids = recordIds.toSorted();
  let digest = new Uint8Array();
  for (let at = 0; at === 0 || at < ids.length; at += pageRecords) {
    const hash = createHash("sha256").update(digest);
    for (const id of ids.slice(at, at + pageRecords)) hash.update(id.replaceAll("-", ""), "hex");
    digest = new Uint8Array(hash.digest());
  }
  return Buffer.from(digest).toString("hex");
}
