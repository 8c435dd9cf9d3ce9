/** The start of a custodian's work: a verified grant, a claim, and a checkpoint of it. */

import type { Claim, Grant, Recovery } from "@org/db";
import type { Witness } from "../audit/witness.ts";
import { showUsable } from "../grants/show-verified.ts";
import { makeClaim } from "../open/claim.ts";
import type { Operator } from "../operator.ts";

export interface WorkTools {
  readonly recovery: Pick<Recovery, "grants" | "claims" | "work">;
  readonly witness: Witness;
  readonly operator: Operator;
}

export interface OpenWork {
  readonly grant: Grant;
  /** Stays open until its result is reported: a run that was killed is gone on with. */
  readonly claim: Claim;
}

/** Without a checkpoint the claim stays open, and nothing was done under it: the next run goes on. */
export async function openWork(
  { recovery, witness, operator }: WorkTools,
  grantId: string,
  {
    capability,
    userId,
  }: {
    readonly capability: "erase" | "rewrap" | "retoken";
    readonly userId?: string | undefined;
  },
): Promise<OpenWork> {
  const { grants, claims, work } = recovery;
  const signed = await showUsable({ grants, operator }, grantId);
  const use = { capability, fields: [], recordIds: [] };
  const claim = await makeClaim(
    { claims, operator },
    { signed, use },
    {
      claim: (id) => work.claim(grantId, capability, { claim: id, userId }),
      mayResume: true,
    },
  );
  await witness.cover(claim);
  return { grant: signed.grant, claim };
}

/** A term of the grant's selector; `undefined` as text where it has none of that name. */
export function termOf({ selector }: Grant, name: "from" | "to" | "unopenable"): string {
  return String(selector[name]);
}
