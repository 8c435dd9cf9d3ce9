/** What every claim goes through between its intent and its result. */

import type { Claim, Claims } from "@org/db";
import type { Witness } from "../audit/witness.ts";
import { findExcess, type Use } from "../grants/find-excess.ts";
import type { SignedGrant } from "../grants/show-verified.ts";
import type { Operator } from "../operator.ts";
import { refusal } from "../refusals.ts";

/** The database granted the claim; here it is held against what was signed. */
export async function requireSigned(
  {
    claims,
    operator,
  }: { readonly claims: Pick<Claims, "reportResult">; readonly operator: Operator },
  { claim }: Claim,
  { signed, use }: { readonly signed: SignedGrant; readonly use: Use },
): Promise<void> {
  const reason = findExcess(signed, use, { operator, nowMs: Date.now() });
  if (reason === null) return;
  await claims.reportResult(claim, { outcome: "not_opened", reason });
  throw refusal(reason);
}

/** Without a checkpoint nothing is fetched, and the claim says so. */
export async function coverOrReport(
  { claims, witness }: { claims: Pick<Claims, "reportResult">; witness: Witness },
  claim: Claim,
): Promise<void> {
  try {
    await witness.cover(claim);
  } catch (error) {
    await claims.reportResult(claim.claim, { outcome: "not_opened", reason: "no_checkpoint" });
    throw error;
  }
}

/** What goes wrong after the checkpoint is in the audit too, unless the process died of it. */
export async function reportingFailure<T>(
  claims: Pick<Claims, "reportResult">,
  { claim }: Claim,
  use: () => Promise<T>,
): Promise<T> {
  try {
    return await use();
  } catch (error) {
    await claims.reportResult(claim, { outcome: "failed" }).catch(() => {});
    throw error;
  }
}
