/** What was claimed of each grant, counted in this process: a database may have been made to forget it. */

import type { Answer, Claim, Claims } from "@org/db";
import type { SignedGrant } from "../grants/show-verified.ts";
import { refusal } from "../refusals.ts";

export interface ClaimCounts {
  /** The same claims, refused (exit 3) beyond the number that was approved. */
  readonly counted: (claims: Claims, signed: SignedGrant) => Claims;
}

/** Of more, the oldest are forgotten; each had its approvals. */
const grantsAtMost = 10_000;

export function createClaimCounts(): ClaimCounts {
  const used = new Map<string, number>();

  function note(grant: string, records: number): void {
    const sum = (used.get(grant) ?? 0) + records;
    used.delete(grant);
    const [oldest] = used.keys();
    if (used.size >= grantsAtMost && oldest !== undefined) used.delete(oldest);
    used.set(grant, sum);
  }

  return {
    counted(claims, { grant: { id, maxRecords } }) {
      async function within(
        records: number,
        claim: () => Promise<Answer<Claim>>,
      ): Promise<Answer<Claim>> {
        if ((used.get(id) ?? 0) + records > maxRecords) throw refusal("grant_used_up");
        // Before the database answers: else several at once would each find it free.
        note(id, records);
        let isClaimed = false;
        try {
          const answer = await claim();
          isClaimed = !("refused" in answer);
          return answer;
        } finally {
          if (!isClaimed) note(id, -records);
        }
      }
      return {
        ...claims,
        // A retry that was cut short goes on under the claim that it has.
        claim: (request) =>
          request.capability === "retry"
            ? claims.claim(request)
            : within(request.records.length, () => claims.claim(request)),
        claimLookup: (request) => within(1, () => claims.claimLookup(request)),
      };
    },
  };
}
