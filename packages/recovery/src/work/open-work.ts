/** The start of a custodian's work: a verified grant, a claim, and a checkpoint of it. */

import type { Claim, Grant, Recovery, Work, WorkRequest } from "@org/db";
import type { Witness } from "../audit/witness.ts";
import { exit, RecoverError } from "../exit.ts";
import { showUsable } from "../grants/show-verified.ts";
import { makeClaim } from "../open/claim.ts";
import type { Person } from "../operator.ts";

export interface WorkPorts {
  readonly recovery: Pick<Recovery, "grants" | "claims" | "work">;
  readonly witness: Witness;
  readonly operator: Person;
}

export interface WorkOrder {
  readonly grantId: string;
  /** The name of the contract that is served here; `*` for work on what they share. */
  readonly contract: string;
  readonly capability: WorkRequest["capability"];
  /** The value of the subject whose HMAC the grant keeps. */
  readonly subjectOf?: (grant: Grant) => string | undefined;
}

export interface OpenWork {
  readonly grant: Grant;
  readonly subject: string | undefined;
  /** @throws {@link RecoverError} (exit 30) if one of these ids is not on the list that was approved. */
  readonly requireListed: (ids: readonly string[]) => void;
  /** Stays open until its result is reported: a run that was killed is resumed by the next. */
  readonly claim: Claim;
}

/** Without a checkpoint the claim stays open, and nothing was done under it: the next run resumes it. */
export async function openWork(
  { recovery, witness, operator }: WorkPorts,
  { grantId, contract, capability, subjectOf }: WorkOrder,
): Promise<OpenWork> {
  const { grants, claims, work } = recovery;
  const signed = await showUsable({ grants, operator }, grantId, contract);
  const subject = subjectOf?.(signed.grant);
  const use = { contract, capability, fields: [], recordIds: [] };
  const claim = await makeClaim(
    { claims, witness, operator },
    { signed, use },
    {
      claim: (id) => work.claim({ grant: grantId, capability, claim: id, subject }),
      mayResume: true,
    },
  );
  const listed = new Set(signed.recordIds);
  return {
    grant: signed.grant,
    subject,
    claim,
    requireListed(ids) {
      if (!ids.every((id) => listed.has(id))) throw unlisted;
    },
  };
}

const unlisted = new RecoverError(
  exit.tampering,
  "The database handed out something that was not approved.",
  {
    advice:
      "It was not touched. Somebody changed the functions of the schema recovery: tell the security team.",
  },
);

/** A term of the grant's selector; `undefined` as text where it has none of that name. */
export function termOf({ selector }: Grant, name: "from" | "to" | "unopenable"): string {
  return String(selector[name]);
}

/** How much of what the grant's selector means came after the request: it is not touched. */
export async function countArrived(
  work: Pick<Work, "countArrived">,
  { claim }: Pick<Claim, "claim">,
): Promise<number> {
  for (;;) {
    const { arrived, isDone } = await work.countArrived({ claim });
    if (isDone) return arrived;
  }
}

/** What came after the request is named, and left: nobody approved it. */
export function describeArrived(count: number, what: string): string[] {
  return count === 0
    ? []
    : [`${count} ${what} came after the request and stay: ask again for them.`];
}
