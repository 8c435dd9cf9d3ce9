/** What an approval signs: every term of a grant, as bytes. */

import { createHash } from "node:crypto";
import type { Grant } from "@org/db";
import { lengthPrefixed } from "../length-prefixed.ts";

/** The same terms give the same bytes, whatever order the database writes its JSON in. */
export function canonicalGrant(grant: Grant): Uint8Array {
  return lengthPrefixed(
    "mk1/grant",
    grant.id,
    grant.tenant,
    grant.requester,
    grant.capability,
    lengthPrefixed(...grant.fields),
    canonicalJson(grant.selector),
    grant.digest,
    grant.purpose,
    grant.ticket,
    grant.justification,
    grant.reveal,
    String(grant.maxRecords),
    String(grant.approvalsRequired),
    grant.nonce,
    grant.expiresAt,
  );
}

function canonicalJson(value: unknown): string {
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
