/** The start of a custodian's work: a verified grant, a claim, and a checkpoint of it. */

import type { Claim, Grant, Recovery } from "@org/db";
import type { Witness } from "../audit/witness.ts";
import { showVerified } from "../grants/show-verified.ts";
import { granted } from "../refusals.ts";
import type { RecoverKeyring } from "../signing.ts";

export interface WorkTools {
  readonly recovery: Pick<Recovery, "grants" | "claims" | "work">;
  readonly witness: Witness;
  readonly keyring: RecoverKeyring;
}

/** Told of how far the work has come. */
export type Progress = (done: number) => void;

export interface OpenWork {
  readonly grant: Grant;
  /** Stays open until its result is reported: a run that was killed is gone on with. */
  readonly claim: Claim;
}

/** Without a checkpoint the claim stays open, and nothing was done under it: the next run goes on. */
export async function openWork(
  { recovery, witness, keyring }: WorkTools,
  grantId: string,
  how: {
    readonly capability: "erase" | "rewrap" | "retoken";
    readonly userId?: string | undefined;
  },
): Promise<OpenWork> {
  const { grant } = await showVerified({ grants: recovery.grants, keyring }, grantId);
  const claim = granted(await recovery.work.claim(grantId, how.capability, how.userId));
  await witness.cover(claim);
  return { grant, claim };
}

/** A term of the grant's selector. */
export function termOf({ selector }: Grant, name: "from" | "to"): string {
  return String(selector[name]);
}
