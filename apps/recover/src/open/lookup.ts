/** Finds the records of a value, by its tokens: the value itself goes nowhere. */

import type { Claims, MaskedRecord } from "@org/db";
import type { Tokenizer } from "@org/masking";
import type { Witness } from "../audit/witness.ts";
import type { SignedGrant } from "../grants/show-verified.ts";
import type { Operator } from "../operator.ts";
import { coverOrReport, makeClaim, reportingFailure } from "./claim.ts";

export type LookupField = "ip" | "device_id";

/** It confirms guesses, so it takes a grant, and the audit names the tokens. */
export async function lookup(
  tools: {
    readonly claims: Pick<Claims, "claimLookup" | "fetchLookup" | "reportResult">;
    readonly witness: Witness;
    readonly operator: Operator;
    readonly tokenizer: Tokenizer<LookupField>;
  },
  what: {
    readonly signed: SignedGrant;
    readonly field: LookupField;
    readonly value: string;
    readonly limit: number;
  },
): Promise<MaskedRecord[]> {
  const { claims, tokenizer } = tools;
  const { signed, field } = what;
  const tokens = tokenizer.candidates(field, what.value);
  const use = { capability: "lookup", fields: [field], recordIds: [], tokens } as const;
  const claim = await makeClaim(
    tools,
    { signed, use },
    {
      claim: (id) => claims.claimLookup(signed.grant.id, { claim: id, field, tokens }),
    },
  );
  await coverOrReport(tools, claim);
  return reportingFailure(claims, claim, async () => {
    const records = await claims.fetchLookup(claim.claim, what.limit);
    await claims.reportResult(claim.claim, { outcome: "looked_up", matches: records.length });
    return records;
  });
}
