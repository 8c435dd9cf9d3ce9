/** Whether the audit chain is whole, is the chain that its checkpoints saw, and explains every access. */

import type { Audit, AuditRow, Grants } from "@org/db";
import type { RecoverKeyring } from "../signing/recover-keyring.ts";
import { type ChainPosition, emptyChain, findChainFault } from "./chain.ts";
import { type Checkpoint, readCheckpoint } from "./checkpoint.ts";
import { readAudit } from "./read-audit.ts";
import type { StoredCheckpoint } from "./sink.ts";
import { createTrace, type Trace } from "./trace.ts";
import { clockSkewMs, findIntentFault, type IntentFault, intentFaults } from "./verify-intents.ts";

const chainFaults = ["gap", "reordered", "edited", "cut_off", "rewritten", "wrong_head"] as const;
const checkpointFaults = ["no_checkpoint", "stale_checkpoint"] as const;

export const faultKinds = [...chainFaults, ...intentFaults, ...checkpointFaults] as const;

/** The first thing that is wrong; `seq` names the row, where it is one's. */
export type AuditFault =
  | { readonly kind: (typeof chainFaults)[number]; readonly seq: number }
  | { readonly kind: IntentFault; readonly seq: number }
  | { readonly kind: (typeof checkpointFaults)[number]; readonly seq: null };

export interface Verified {
  readonly fault: AuditFault | null;
  readonly rows: number;
  readonly checkpoints: number;
  /** When the newest of them was signed; 0 where there is none. */
  readonly newestSeconds: number;
  /** What stands among the checkpoints and counts for nothing. */
  readonly ignored: readonly IgnoredCheckpoint[];
  /** Intents that are not overdue yet. */
  readonly open: number;
}

export interface IgnoredCheckpoint {
  readonly name: string;
  readonly reason: string;
}

export interface AuditPorts {
  readonly audit: Pick<Audit, "read" | "position">;
  readonly grants: Pick<Grants, "show" | "records">;
}

export interface Evidence {
  readonly readCheckpoints: () => Promise<readonly StoredCheckpoint[]>;
  readonly keyring: RecoverKeyring;
}

export interface Freshness {
  readonly maxAgeSeconds: number;
  readonly nowMs: number;
}

/**
 * Reads the whole chain once. Finds an edited row, a gap, a reordering, a tail that was cut off, a
 * chain that was rewritten and rehashed behind a checkpoint; an intent without its request,
 * resolution, signed approvals, checkpoint or result; and checkpoints that are missing or stale.
 */
export async function verifyAudit(
  { audit, grants }: AuditPorts,
  evidence: Evidence,
  freshness: Freshness,
): Promise<Verified> {
  // First the checkpoints, then the chain: one that is made meanwhile must not look cut off.
  const { sound, ignored } = await readSound(evidence);
  const { position, trace, fault } = await walk(audit, sound);
  const findIntent = (checkpoints: readonly Checkpoint[]): Promise<AuditFault | null> =>
    findIntentFault(trace.intents(), {
      grants,
      keyring: evidence.keyring,
      checkpoints,
      nowMs: freshness.nowMs,
    });
  const found =
    fault ??
    findCutOff(position, sound) ??
    (await findWrongHead(audit, position)) ??
    findNone(sound) ??
    (await findIntent(sound));
  // An access meanwhile has a checkpoint that was not there yet.
  const isCertain = found?.kind !== "unwitnessed_intent";
  return {
    fault:
      (isCertain ? found : await findIntent((await readSound(evidence)).sound)) ??
      findStale(sound, freshness),
    rows: position.seq,
    checkpoints: sound.length,
    newestSeconds: sound.reduce((newest, { atSeconds }) => Math.max(newest, atSeconds), 0),
    ignored,
    open: [...trace.intents()].filter(({ end }) => end === null).length,
  };
}

async function readSound({ readCheckpoints, keyring }: Evidence): Promise<SoundCheckpoints> {
  const sound: Checkpoint[] = [];
  const ignored: IgnoredCheckpoint[] = [];
  for (const stored of await readCheckpoints()) {
    const checkpoint = readCheckpoint(stored, keyring);
    if (typeof checkpoint === "string") ignored.push({ name: stored.name, reason: checkpoint });
    else sound.push(checkpoint);
  }
  return { sound, ignored };
}

interface SoundCheckpoints {
  readonly sound: readonly Checkpoint[];
  readonly ignored: readonly IgnoredCheckpoint[];
}

interface Walked {
  readonly position: ChainPosition;
  readonly fault: AuditFault | null;
  readonly trace: Trace;
}

async function walk(
  audit: Pick<Audit, "read">,
  checkpoints: readonly Checkpoint[],
): Promise<Walked> {
  const bySeq = Map.groupBy(checkpoints, ({ seq }) => seq);
  const trace = createTrace();
  let position = emptyChain;
  let fault: AuditFault | null = null;
  for await (const row of readAudit(audit)) {
    fault = findRowFault(position, row, bySeq.get(row.seq) ?? []);
    if (fault !== null) break;
    trace.follow(row);
    position = { seq: row.seq, hash: Buffer.from(row.hash).toString("hex") };
  }
  return { position, fault, trace };
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

function findCutOff(end: ChainPosition, checkpoints: readonly Checkpoint[]): AuditFault | null {
  const longest = checkpoints.reduce((most, { seq }) => Math.max(most, seq), 0);
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

/** Then nothing outside the database vouches for the chain, whatever stands in it. */
function findNone(checkpoints: readonly Checkpoint[]): AuditFault | null {
  return checkpoints.length === 0 ? { kind: "no_checkpoint", seq: null } : null;
}

function findStale(
  checkpoints: readonly Checkpoint[],
  { maxAgeSeconds, nowMs }: Freshness,
): AuditFault | null {
  const nowSeconds = nowMs / 1000;
  // One of the future would look fresh for as long as its signer likes.
  const isFresh = checkpoints.some(({ atSeconds }) => {
    const age = nowSeconds - atSeconds;
    return age <= maxAgeSeconds && age * 1000 > -clockSkewMs;
  });
  return isFresh ? null : { kind: "stale_checkpoint", seq: null };
}
