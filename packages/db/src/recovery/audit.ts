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
  /** JSON, byte for byte as it was hashed; 16 KiB at most. */
  readonly detail: string;
  readonly previousHash: Uint8Array;
  readonly hash: Uint8Array;
}

export interface AuditPosition {
  readonly seq: number;
  readonly hash: Uint8Array;
}

export interface AuditCount {
  readonly action: string;
  /** A refusal's code, an intent's capability; else null. */
  readonly kind: string | null;
  readonly entries: number;
}

export interface Audit {
  /** The chain's end; seq 0 is the empty chain. */
  readonly position: () => Promise<AuditPosition>;
  /** Null where there is no such row. */
  readonly hashAt: (seq: number) => Promise<Uint8Array | null>;
  /** In order, after `seq`. A page ends at `limit` (10,000 at most) or at some 4 MiB: only an empty one is the last. */
  readonly read: (after: number, limit: number) => Promise<AuditRow[]>;
  /** How many rows of each kind the database says there are: not what is proved. */
  readonly counts: () => Promise<AuditCount[]>;
  /** Explains every overdue claim with a row; resolves with how many. */
  readonly closeOverdue: () => Promise<number>;
}

export interface StoredAuditRow {
  readonly seq: string;
  readonly at_micros: string;
  readonly actor: string;
  readonly action: string;
  readonly grant_id: string | null;
  readonly claim_id: string | null;
  readonly detail: string;
  readonly previous_hash: Uint8Array;
  readonly hash: Uint8Array;
}

interface StoredAuditCount extends Omit<AuditCount, "entries"> {
  readonly entries: string;
}

export function createAudit(call: Call): Audit {
  return {
    async position() {
      const [row] = await call<{ seq: string; hash: Uint8Array }>("audit_position");
      return { seq: Number(row?.seq ?? 0), hash: row?.hash ?? new Uint8Array(32) };
    },
    hashAt: (seq) => callOne<Uint8Array | null>(call, "audit_hash_at", { p_seq: seq }),
    async read(after, limit) {
      const rows = await call<StoredAuditRow>("read_audit", { p_after: after, p_limit: limit });
      return rows.map(toAuditRow);
    },
    async counts() {
      const rows = await call<StoredAuditCount>("count_audit");
      return rows.map((row) => ({ ...row, entries: Number(row.entries) }));
    },
    closeOverdue: () => callOne<number>(call, "close_overdue"),
  };
}

export function toAuditRow(row: StoredAuditRow): AuditRow {
  return {
    seq: Number(row.seq),
    atMicros: row.at_micros,
    actor: row.actor,
    action: row.action,
    grantId: row.grant_id,
    claimId: row.claim_id,
    detail: row.detail,
    previousHash: row.previous_hash,
    hash: row.hash,
  };
}
