/** Access to sealed values: claimed and audited in one transaction, handed out in another. */

import type { Sealed, SealedBatchKey, Seed } from "@org/masking";
import { type Answer, type Call, callOne } from "./call.ts";

/** A committed intent, with its row of the audit. A checkpoint has to hold it before anything is fetched. */
export interface Claim {
  readonly claim: string;
  readonly seq: number;
  /** The audit chain's hash at `seq`, and that before it; hexadecimal. */
  readonly hash: string;
  readonly previousHash: string;
  /** Microseconds since 1970, as text. */
  readonly atMicros: string;
  /** JSON, byte for byte as it was hashed. */
  readonly detail: string;
  readonly deadline: string;
  /** An interrupted run left it open. */
  readonly resumed?: true;
}

export interface ClaimRequest {
  readonly grant: string;
  readonly capability: "unmask" | "dossier" | "retry";
  /** The new claim's id: a UUID that its caller has just generated. */
  readonly claim: string;
  readonly fields: readonly string[];
  readonly records: readonly string[];
}

export interface LookupRequest {
  readonly grant: string;
  readonly claim: string;
  /** A masked field, or a further view of one. */
  readonly field: string;
  /** Those of one value, one a token key. */
  readonly tokens: readonly string[];
}

/** By token field; what an optional field does not have is left out. */
export type Tokens = Readonly<Record<string, string>>;

export interface ClaimedRecord {
  readonly recordId: string;
  /** A row of the grant's contract, sealed under the label of its table; or the body of a quarantined message. */
  readonly source: "row" | "quarantine";
  readonly sealed: Sealed;
  readonly seed: Seed;
  readonly batchKeyId: string;
  /** Null for a quarantined body. */
  readonly tokens: Tokens | null;
  /** Whose it is by the row; null for a quarantined body, and where only a token says so. */
  readonly subject: string | null;
  readonly sentAt: Date;
}

export interface StoredBatchKey {
  readonly id: string;
  readonly recipient: string;
  readonly sealed: SealedBatchKey;
}

/** A row as a look-up shows it. */
export interface MaskedRecord {
  readonly recordId: string;
  readonly sentAt: Date;
  /** By column, as text, in the contract's order. */
  readonly columns: Readonly<Record<string, string | null>>;
}

export interface QuarantineEntry {
  readonly recordId: string;
  readonly messageId: string;
  readonly sentAt: Date;
  readonly quarantinedOn: string;
  readonly contract: string;
  readonly reason: string;
  readonly sqlState: string | null;
}

/** How a claim ended, as the tool says it. The database takes these names, codes that it knows, and whole numbers. */
export interface Result extends Readonly<Partial<Record<ResultCount, number>>> {
  readonly outcome:
    | "not_opened"
    | "opened"
    | "looked_up"
    | "listed"
    | "failed"
    | "erased"
    | "rewrapped"
    | "retokened"
    | "retried";
  readonly reason?:
    | "no_checkpoint"
    | "forged_approval"
    | "wrong_person"
    | "wrong_tenant"
    | "wrong_contract"
    | "wrong_capability"
    | "wrong_fields"
    | "wrong_records"
    | "wrong_value"
    | "grant_used_up"
    | "grant_expired";
}

type ResultCount =
  | "opened"
  | "missing"
  | "failed"
  /** Of records whose tokens are not those of their originals. */
  | "mismatched"
  /** Of records that were sealed for another subject than their row's. */
  | "misplaced"
  | "matches"
  | "records"
  | "seeds"
  | "moved"
  | "tombstoned"
  | "left"
  /** Since the request, of what its selector means: not touched. */
  | "arrived"
  | "written";

export interface Claims {
  readonly claim: (request: ClaimRequest) => Promise<Answer<Claim>>;
  readonly claimLookup: (request: LookupRequest) => Promise<Answer<Claim>>;
  /** Fewer than were claimed where a record was written without a seal, or erased since. */
  readonly fetch: (claim: string) => Promise<ClaimedRecord[]>;
  readonly fetchBatchKeys: (claim: string) => Promise<StoredBatchKey[]>;
  /** In order of the times sent; `limit` 10,000 at most. */
  readonly fetchLookup: (claim: string, limit: number) => Promise<MaskedRecord[]>;
  readonly reportResult: (claim: string, result: Result) => Promise<void>;
  readonly listQuarantine: (limit: number) => Promise<QuarantineEntry[]>;
}

interface FetchedRow {
  readonly record_id: string;
  readonly source: ClaimedRecord["source"];
  readonly sealed: Sealed;
  readonly seed: Seed;
  readonly batch_key_id: string;
  readonly tokens: Tokens | null;
  readonly subject: string | null;
  readonly sent_at: string;
}

interface LookedUpRow {
  readonly record_id: string;
  readonly sent_at: string;
  readonly columns: MaskedRecord["columns"];
}

interface QuarantineRow {
  readonly record_id: string;
  readonly message_id: string;
  readonly sent_at: string;
  readonly quarantined_on: string;
  readonly contract: string;
  readonly reason: string;
  readonly sql_state: string | null;
}

/** In a transaction of its own: what is handed out under a claim is never without a trace of it. */
export async function startFetch(call: Call, claim: string): Promise<void> {
  await call("start_fetch", { p_claim: claim });
}

export function createClaims(call: Call): Claims {
  return {
    claim: ({ grant, capability, claim, fields, records }) =>
      callOne(call, "claim", {
        p_grant: grant,
        p_capability: capability,
        p_fields: fields,
        p_records: records,
        p_claim: claim,
      }),
    claimLookup: ({ grant, claim, field, tokens }) =>
      callOne(call, "claim_lookup", {
        p_grant: grant,
        p_field: field,
        p_tokens: tokens,
        p_claim: claim,
      }),
    async fetch(claim) {
      await startFetch(call, claim);
      const rows = await call<FetchedRow>("fetch", { p_claim: claim });
      return rows.map((row) => ({
        recordId: row.record_id,
        source: row.source,
        sealed: row.sealed,
        seed: row.seed,
        batchKeyId: row.batch_key_id,
        tokens: row.tokens,
        subject: row.subject,
        sentAt: new Date(row.sent_at),
      }));
    },
    fetchBatchKeys: (claim) => call<StoredBatchKey>("fetch_batch_keys", { p_claim: claim }),
    async fetchLookup(claim, limit) {
      await startFetch(call, claim);
      const rows = await call<LookedUpRow>("fetch_lookup", { p_claim: claim, p_limit: limit });
      return rows.map((row) => ({
        recordId: row.record_id,
        sentAt: new Date(row.sent_at),
        columns: row.columns,
      }));
    },
    async reportResult(claim, result) {
      await call("report_result", { p_claim: claim, p_detail: JSON.stringify(result) });
    },
    async listQuarantine(limit) {
      const rows = await call<QuarantineRow>("list_quarantine", { p_limit: limit });
      return rows.map((row) => ({
        recordId: row.record_id,
        messageId: row.message_id,
        sentAt: new Date(row.sent_at),
        quarantinedOn: row.quarantined_on,
        contract: row.contract,
        reason: row.reason,
        sqlState: row.sql_state,
      }));
    },
  };
}
