/** What every claim goes through between its intent and its result. */

import type { Claim, Claims } from "@org/db";
import type { Witness } from "../audit/witness.ts";

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
