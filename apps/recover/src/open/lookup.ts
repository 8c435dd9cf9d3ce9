/** Finds the records of a value, by its tokens: the value itself goes nowhere. */

import type { Claims, MaskedRecord } from "@org/db";
import type { Tokenizer } from "@org/masking";
import type { Witness } from "../audit/witness.ts";
import { granted } from "../refusals.ts";
import { coverOrReport, reportingFailure } from "./claim.ts";

export type LookupField = "ip" | "device_id";

/** It confirms guesses, so it takes a grant, and the audit names the tokens. */
export async function lookup(
  {
    claims,
    witness,
    tokenizer,
  }: {
    readonly claims: Pick<Claims, "claimLookup" | "fetchLookup" | "reportResult">;
    readonly witness: Witness;
    readonly tokenizer: Tokenizer<LookupField>;
  },
  what: {
    readonly grant: string;
    readonly field: LookupField;
    readonly value: string;
    readonly limit: number;
  },
): Promise<MaskedRecord[]> {
  const tokens = tokenizer.candidates(what.field, what.value);
  const claim = granted(await claims.claimLookup(what.grant, what.field, tokens));
  await coverOrReport({ claims, witness }, claim);
  return reportingFailure(claims, claim, async () => {
    const records = await claims.fetchLookup(claim.claim, what.limit);
    await claims.reportResult(claim.claim, { outcome: "looked_up", matches: records.length });
    return records;
  });
}
