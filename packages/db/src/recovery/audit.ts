/** The audit chain, as stored: whoever relies on it verifies it. */

import { type Call, callOne } from "./call.ts";

export interface AuditRow {
  readonly seq: number;
  /** Microseconds since 1970, as text: more digits than a double holds. */
  readonly atMicros: string;
  readonly actor: string;
  readonly action: string;
  readonly grantId: string | null;
  readonly claimId: string | null;
  /** JSON, byte for byte as it was hashed. */
  readonly detail: string;
  readonly previousHash: Uint8Array;
  readonly hash: Uint8Array;
}

export interface Audit {
  /** The chain's end; seq 0 is the empty chain. */
  position(): Promise<{ readonly seq: number; readonly hash: Uint8Array }>;
  /** Null where there is no such row. */
  hashAt(seq: number): Promise<Uint8Array | null>;
  /** In order, after `seq`, at most `limit` (10,000). */
  read(after: number, limit: number): Promise<AuditRow[]>;
  /** Explains every overdue claim with a row; resolves with how many. */
  settle(): Promise<number>;
}

export function createAudit(call: Call): Audit {
  return {
    async position() {
      const [row] = await call<{ seq: string; hash: Uint8Array }>("audit_position");
      return { seq: Number(row?.seq ?? 0), hash: row?.hash ?? new Uint8Array(32) };
    },
    hashAt: (seq) => callOne<Uint8Array | null>(call, "audit_hash_at", seq),
    async read(after, limit) {
      const rows = await call<{
        seq: string;
        at_micros: string;
        actor: string;
        action: string;
        grant_id: string | null;
        claim_id: string | null;
        detail: string;
        previous_hash: Uint8Array;
        hash: Uint8Array;
      }>("read_audit", after, limit);
      return rows.map((row) => ({
        seq: Number(row.seq),
        atMicros: row.at_micros,
        actor: row.actor,
        action: row.action,
        grantId: row.grant_id,
        claimId: row.claim_id,
        detail: row.detail,
        previousHash: row.previous_hash,
        hash: row.hash,
      }));
    },
    settle: () => callOne<number>(call, "settle"),
  };
}
