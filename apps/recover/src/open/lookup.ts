/** Finds the records of a value, by its tokens: the value itself goes nowhere. */

import { randomUUID } from "node:crypto";
import type { Claims, MaskedRecord } from "@org/db";
import type { Tokenizer } from "@org/masking";
import type { Witness } from "../audit/witness.ts";
import type { SignedGrant } from "../grants/show-verified.ts";
import type { Operator } from "../operator.ts";
import { granted } from "../refusals.ts";
import { coverOrReport, reportingFailure, requireIntent, requireSigned } from "./claim.ts";

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
  const drawn = randomUUID();
  const claim = granted(await claims.claimLookup(signed.grant.id, { claim: drawn, field, tokens }));
  const use = { capability: "lookup", fields: [field], recordIds: [], tokens } as const;
  await requireSigned(tools, claim, { signed, use });
  requireIntent(tools.operator, claim, { grant: signed.grant, use, drawn });
  await coverOrReport(tools, claim);
  return reportingFailure(claims, claim, async () => {
    const records = await claims.fetchLookup(claim.claim, what.limit);
    await claims.reportResult(claim.claim, { outcome: "looked_up", matches: records.length });
    return records;
  });
}
