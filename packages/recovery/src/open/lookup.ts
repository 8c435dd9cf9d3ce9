/** Finds the records of a value, by its tokens: the value itself goes nowhere. */

import type { Claims, MaskedRecord } from "@org/db";
import type { Tokenizer } from "@org/masking";
import type { AnyContract } from "@org/schema";
import type { SignedGrant } from "../grants/show-verified.ts";
import { tokensOf } from "../grants/find-excess.ts";
import { type ClaimPorts, makeClaim, reportingFailure } from "./claim.ts";

export interface LookupPorts extends ClaimPorts {
  readonly claims: Pick<Claims, "claimLookup" | "fetchLookup" | "reportResult">;
  /** Of the contract's token fields. */
  readonly tokenizer: Tokenizer<string>;
}

export interface LookupOrder {
  readonly contract: AnyContract;
  readonly signed: SignedGrant;
  /** Of the contract's token fields. */
  readonly field: string;
  readonly value: string;
  readonly limit: number;
}

/** It confirms guesses, so it takes a grant, and the audit names the tokens. */
export async function lookup(ports: LookupPorts, order: LookupOrder): Promise<MaskedRecord[]> {
  const { claims, tokenizer } = ports;
  const { signed, field } = order;
  const { id: grant } = signed.grant;
  const contract = order.contract.name;
  const candidates = tokenizer.candidates(field, order.value);
  // Of a key that came after the request none was approved. Another value is the database's to refuse: that is audited.
  const approved = candidates.filter((token) => tokensOf(signed.grant).includes(token));
  const tokens = approved.length > 0 ? approved : candidates;
  const use = { contract, capability: "lookup", fields: [field], recordIds: [], tokens } as const;
  const claim = await makeClaim(
    ports,
    { signed, use },
    { claim: (id) => claims.claimLookup({ grant, claim: id, field, tokens }) },
  );
  return reportingFailure(claims, claim, async () => {
    const records = await claims.fetchLookup(claim.claim, order.limit);
    await claims.reportResult(claim.claim, { outcome: "looked_up", matches: records.length });
    return records;
  });
}
