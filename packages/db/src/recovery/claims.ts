/** Looks at sealed values: claimed and audited in one transaction, handed out in another. */

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

export interface ClaimedRecord {
  readonly recordId: string;
  /** The table label that it was sealed under. */
  readonly source: "user_logins" | "quarantine";
  readonly sealed: Sealed;
  readonly seed: Seed;
  readonly batchKeyId: string;
  /** Null for a quarantined body. */
  readonly maskedIp: string | null;
  readonly maskedDeviceId: string | null;
  readonly sentAt: Date;
}

export interface StoredBatchKey {
  readonly id: string;
  readonly recipient: string;
  readonly sealed: SealedBatchKey;
}

export interface MaskedRecord {
  readonly recordId: string;
  readonly userId: string;
  readonly deviceType: string;
  readonly maskedIp: string;
  readonly maskedDeviceId: string;
  readonly locale: string | null;
  readonly sentAt: Date;
}

export interface QuarantineEntry {
  readonly recordId: string;
  readonly messageId: string;
  readonly sentAt: Date;
  readonly quarantinedOn: string;
  readonly reason: string;
  readonly sqlState: string | null;
}

export interface Claims {
  /** `what.claim` is the new claim's id: a UUID that its caller has just drawn. */
  claim(
    grant: string,
    capability: "unmask" | "retry",
    what: {
      readonly claim: string;
      readonly fields: readonly string[];
      readonly records: readonly string[];
    },
  ): Promise<Answer<Claim>>;
  claimLookup(
    grant: string,
    what: { readonly claim: string; readonly field: string; readonly tokens: readonly string[] },
  ): Promise<Answer<Claim>>;
  /** Fewer than were claimed where a record was written without a seal, or erased since. */
  fetch(claim: string): Promise<ClaimedRecord[]>;
  fetchBatchKeys(claim: string): Promise<StoredBatchKey[]>;
  fetchLookup(claim: string, limit: number): Promise<MaskedRecord[]>;
  reportResult(claim: string, detail: Readonly<Record<string, number | string>>): Promise<void>;
  listQuarantine(limit: number): Promise<QuarantineEntry[]>;
}

export function createClaims(call: Call): Claims {
  return {
    claim: (grant, capability, { claim, fields, records }) =>
      callOne(call, "claim", grant, capability, fields, records, claim),
    claimLookup: (grant, { claim, field, tokens }) =>
      callOne(call, "claim_lookup", grant, field, tokens, claim),
    async fetch(claim) {
      const rows = await call<{
        record_id: string;
        source: ClaimedRecord["source"];
        sealed: Sealed;
        seed: Seed;
        batch_key_id: string;
        masked_ip: string | null;
        masked_device_id: string | null;
        sent_at: Date;
      }>("fetch", claim);
      return rows.map((row) => ({
        recordId: row.record_id,
        source: row.source,
        sealed: row.sealed,
        seed: row.seed,
        batchKeyId: row.batch_key_id,
        maskedIp: row.masked_ip,
        maskedDeviceId: row.masked_device_id,
        sentAt: row.sent_at,
      }));
    },
    fetchBatchKeys: (claim) => call<StoredBatchKey>("fetch_batch_keys", claim),
    async fetchLookup(claim, limit) {
      const rows = await call<{
        record_id: string;
        user_id: string;
        device_type: string;
        masked_ip: string;
        masked_device_id: string;
        locale: string | null;
        sent_at: Date;
      }>("fetch_lookup", claim, limit);
      return rows.map((row) => ({
        recordId: row.record_id,
        userId: row.user_id,
        deviceType: row.device_type,
        maskedIp: row.masked_ip,
        maskedDeviceId: row.masked_device_id,
        locale: row.locale,
        sentAt: row.sent_at,
      }));
    },
    async reportResult(claim, detail) {
      await call("report_result", claim, JSON.stringify(detail));
    },
    async listQuarantine(limit) {
      const rows = await call<{
        record_id: string;
        message_id: string;
        sent_at: Date;
        quarantined_on: string;
        reason: string;
        sql_state: string | null;
      }>("list_quarantine", limit);
      return rows.map((row) => ({
        recordId: row.record_id,
        messageId: row.message_id,
        sentAt: row.sent_at,
        quarantinedOn: row.quarantined_on,
        reason: row.reason,
        sqlState: row.sql_state,
      }));
    },
  };
}
