/** Whether the audit chain is whole, and is the chain that its checkpoints saw. */

import type { Audit, AuditRow } from "@org/db";
import type { Signer } from "../signing.ts";
import { type ChainPosition, emptyChain, findChainFault } from "./chain.ts";
import { type Checkpoint, readCheckpoint } from "./checkpoint.ts";

/** The first thing that is wrong; `seq` names the row, where it is one's. */
export type AuditFault =
  | { readonly kind: "gap" | "reordered" | "edited"; readonly seq: number }
  | { readonly kind: "cut_off" | "rewritten"; readonly seq: number }
  | { readonly kind: "wrong_head"; readonly seq: number }
  | { readonly kind: "unexplained_intent"; readonly seq: number }
  | { readonly kind: "bad_checkpoint" | "no_checkpoint" | "stale_checkpoint"; readonly seq: null };

export interface Verified {
  readonly fault: AuditFault | null;
  readonly rows: number;
  readonly checkpoints: number;
  /** Intents that are not overdue yet. */
  readonly open: number;
}

const pageRows = 5_000;
/** How far the clocks of those who sign may be ahead. */
const clockSkewSeconds = 300;

/**
 * Reads the whole chain once. Finds an edited row, a gap, a reordering, a tail that was cut off, a
 * chain that was rewritten and rehashed behind a checkpoint, an intent whose result is overdue, and
 * checkpoints that are forged, missing or stale.
 */
export async function verifyAudit(
  audit: Pick<Audit, "read" | "position">,
  evidence: { readonly checkpoints: readonly string[]; readonly signers: readonly Signer[] },
  limits: { readonly maxAgeSeconds: number; readonly nowMs: number },
): Promise<Verified> {
  const checkpoints = evidence.checkpoints.map((text) => readCheckpoint(text, evidence.signers));
  const sound = checkpoints.filter((checkpoint) => checkpoint !== null);
  const walked = await walk(audit, sound, limits.nowMs);
  const { open, position } = walked;
  const fault =
    walked.fault ??
    (checkpoints.length > sound.length ? { kind: "bad_checkpoint" as const, seq: null } : null) ??
    findCutOff(position, sound) ??
    (await findWrongHead(audit, position)) ??
    walked.overdue ??
    findStale(sound, limits);
  return { fault, rows: position.seq, checkpoints: sound.length, open };
}

interface Walked {
  readonly position: ChainPosition;
  readonly fault: AuditFault | null;
  /** The first intent whose deadline passed without a result. */
  readonly overdue: AuditFault | null;
  readonly open: number;
}

async function walk(
  audit: Pick<Audit, "read">,
  checkpoints: readonly Checkpoint[],
  nowMs: number,
): Promise<Walked> {
  const bySeq = Map.groupBy(checkpoints, ({ seq }) => seq);
  const intents = new Map<string, { readonly seq: number; readonly deadlineMs: number }>();
  let position = emptyChain;
  let fault: AuditFault | null = null;
  for (let page = await audit.read(0, pageRows); page.length > 0 && fault === null;) {
    for (const row of page) {
      fault = findRowFault(position, row, bySeq.get(row.seq) ?? []);
      if (fault !== null) break;
      follow(intents, row);
      position = { seq: row.seq, hash: Buffer.from(row.hash).toString("hex") };
    }
    page = fault === null ? await audit.read(position.seq, pageRows) : [];
  }
  const overdue = [...intents.values()].find(({ deadlineMs }) => deadlineMs < nowMs);
  return {
    position,
    fault,
    overdue: overdue ? { kind: "unexplained_intent", seq: overdue.seq } : null,
    open: intents.size,
  };
}

function findRowFault(
  position: ChainPosition,
  row: AuditRow,
  checkpoints: readonly Checkpoint[],
): AuditFault | null {
  const kind = findChainFault(position, row);
  if (kind !== null) return { kind, seq: kind === "gap" ? position.seq + 1 : row.seq };
  const hash = Buffer.from(row.hash).toString("hex");
  const isSeen = checkpoints.every((checkpoint) => checkpoint.hash === hash);
  return isSeen ? null : { kind: "rewritten", seq: row.seq };
}

function follow(
  intents: Map<string, { readonly seq: number; readonly deadlineMs: number }>,
  { action, claimId, detail, seq }: AuditRow,
): void {
  if (claimId === null) return;
  if (action === "intent") {
    const { deadline } = JSON.parse(detail) as { readonly deadline: string };
    intents.set(claimId, { seq, deadlineMs: Date.parse(deadline) });
  } else {
    intents.delete(claimId);
  }
}

function findCutOff(end: ChainPosition, checkpoints: readonly Checkpoint[]): AuditFault | null {
  const longest = Math.max(0, ...checkpoints.map(({ seq }) => seq));
  return longest > end.seq ? { kind: "cut_off", seq: end.seq + 1 } : null;
}

/** Rows may be added between reading the last page and reading the head, never taken away. */
async function findWrongHead(
  audit: Pick<Audit, "position">,
  end: ChainPosition,
): Promise<AuditFault | null> {
  const head = await audit.position();
  const isEnd = head.seq === end.seq && Buffer.from(head.hash).toString("hex") === end.hash;
  return isEnd || head.seq > end.seq ? null : { kind: "wrong_head", seq: head.seq };
}

function findStale(
  checkpoints: readonly Checkpoint[],
  { maxAgeSeconds, nowMs }: { readonly maxAgeSeconds: number; readonly nowMs: number },
): AuditFault | null {
  if (checkpoints.length === 0) return { kind: "no_checkpoint", seq: null };
  const nowSeconds = nowMs / 1000;
  // One of the future would look fresh for as long as its signer likes.
  const isFresh = checkpoints.some(({ atSeconds }) => {
    const age = nowSeconds - atSeconds;
    return age <= maxAgeSeconds && age > -clockSkewSeconds;
  });
  return isFresh ? null : { kind: "stale_checkpoint", seq: null };
}
