/** The audit chain's arithmetic. */

import { createHash } from "node:crypto";
import type { AuditRow } from "@org/db";
import { lengthPrefixed } from "@org/masking";

/** As the database's constraint has them. */
export const auditActions = [
  "requested",
  "resolved",
  "compared",
  "approved",
  "denied",
  "revoked",
  "refused",
  "intent",
  "result",
  "abandoned",
] as const;

/** Where a chain stands: its length, and the hash of its last row. */
export interface ChainPosition {
  readonly seq: number;
  /** Hexadecimal. */
  readonly hash: string;
}

export const emptyChain: ChainPosition = { seq: 0, hash: "00".repeat(32) };

/** SHA-256 over LP(…) of the row and its predecessor's hash; recovery.append_audit does the same. */
export function hashOf(row: Omit<AuditRow, "hash">): string {
  const bytes = lengthPrefixed(
    "mk1/audit",
    String(row.seq),
    row.atMicros,
    row.actor,
    row.action,
    row.grantId ?? "",
    row.claimId ?? "",
    row.detail,
    row.previousHash,
  );
  return createHash("sha256").update(bytes).digest("hex");
}

export type ChainFault = "gap" | "reordered" | "edited";

/** What is wrong with a row that follows `position`, or null. */
export function findChainFault(position: ChainPosition, row: AuditRow): ChainFault | null {
  if (row.seq !== position.seq + 1) return "gap";
  if (Buffer.from(row.previousHash).toString("hex") !== position.hash) return "reordered";
  return hashOf(row) === Buffer.from(row.hash).toString("hex") ? null : "edited";
}
