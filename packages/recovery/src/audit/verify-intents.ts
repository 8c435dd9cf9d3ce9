/** Whether each intent in the chain was asked for, approved by signature, and witnessed in time. */

import { createHash } from "node:crypto";
import type { Approval, Grant, Grants } from "@org/db";
import { isWork, tokensOf } from "../grants/find-excess.ts";
import { digestOf } from "../grants/canonical-grant.ts";
import { showGrant } from "../grants/show-verified.ts";
import { approvalsOf, isOfRecords, isSigned, requiredFor } from "../grants/verify-grant.ts";
import type { RecoverKeyring } from "../signing/recover-keyring.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Intent, IntentDetail } from "./trace.ts";

export const intentFaults = [
  "unexplained_intent",
  "ungranted_intent",
  "unsigned_intent",
  "unwitnessed_intent",
] as const;

/** How far the clocks of those who sign may be ahead. */
export const clockSkewMs = 300_000;

export type IntentFault = (typeof intentFaults)[number];

export interface IntentEvidence {
  readonly grants: Pick<Grants, "show" | "records">;
  readonly keyring: RecoverKeyring;
  readonly checkpoints: readonly Pick<Checkpoint, "seq" | "atSeconds">[];
  readonly nowMs: number;
}

/** The first intent that lacks something, with what it lacks. */
export async function findIntentFault(
  intents: Iterable<Intent>,
  evidence: IntentEvidence,
): Promise<{ readonly kind: IntentFault; readonly seq: number } | null> {
  const grants = new Map<string, SignedTerms | null>();
  const covered = new Set(evidence.checkpoints.map(({ seq }) => seq));
  const seenAtMs = createSeenAt(evidence.checkpoints);
  for (const intent of intents) {
    const { grantId, seq } = intent;
    if (!grants.has(grantId)) grants.set(grantId, await signedTerms(grantId, evidence));
    const terms = grants.get(grantId) ?? null;
    if (terms !== null) terms.spent += recordsOf(intent);
    const witnessed = { isCovered: covered.has(seq), seenAtMs: seenAtMs(seq) };
    const kind = findFault(intent, terms, { ...evidence, ...witnessed });
    if (kind !== null) return { kind, seq };
  }
  return null;
}

/** What is no number of records is more than any grant has: it would hide what was spent. Work may have none to do. */
function recordsOf({ detail: { records, capability } }: Intent): number {
  const least = isWork(capability) ? 0 : 1;
  return Number.isSafeInteger(records) && Number(records) >= least ? Number(records) : Infinity;
}

/** When a row stood in the chain for certain, by the first checkpoint of it or of a later one; null where there is none. */
function createSeenAt(checkpoints: IntentEvidence["checkpoints"]): (seq: number) => number | null {
  let firstMs = Number.POSITIVE_INFINITY;
  // Of the rows up to each.
  const seen = checkpoints
    .toSorted((a, b) => b.seq - a.seq)
    .map(({ seq, atSeconds }) => {
      firstMs = Math.min(firstMs, atSeconds * 1000);
      return { seq, firstMs };
    })
    .toReversed();
  let at = 0;
  return (seq) => {
    // Intents come in the chain's order.
    while ((seen[at]?.seq ?? seq) < seq) at += 1;
    return seen[at]?.firstMs ?? null;
  };
}

/** What checkpoints say of one intent. */
interface Witnessed {
  readonly isCovered: boolean;
  readonly seenAtMs: number | null;
}

function findFault(
  intent: Intent,
  terms: SignedTerms | null,
  { keyring, isCovered, seenAtMs, nowMs }: IntentEvidence & Witnessed,
): IntentFault | null {
  const { isGranted, approvals, end, detail } = intent;
  if (!isGranted || approvals.length === 0) return "ungranted_intent";
  // By the clock of whoever witnessed it, which may be ahead.
  const atMs = (seenAtMs ?? nowMs) - clockSkewMs;
  if (terms === null || !isAllowed(intent, terms, requiredFor(terms.grant, keyring, atMs))) {
    return "unsigned_intent";
  }
  if (end?.hasHappened && isCovered && atMs > Date.parse(terms.grant.expiresAt)) {
    return "unsigned_intent";
  }
  if (end?.hasHappened && !isCovered) return "unwitnessed_intent";
  const isOverdue = !(Date.parse(detail.deadline ?? "") >= nowMs);
  return end === null && isOverdue ? "unexplained_intent" : null;
}

/** A grant, with those of its approvals whose signatures hold, by their SHA-256. */
interface SignedTerms {
  readonly grant: Grant;
  readonly approvals: ReadonlyMap<string, Approval>;
  /** Digests of each of its records alone. */
  readonly ones: ReadonlySet<string>;
  /** Records of its intents so far, together. */
  spent: number;
}

async function signedTerms(
  id: string,
  { grants, keyring }: IntentEvidence,
): Promise<SignedTerms | null> {
  const grant = await showGrant(grants, id);
  const recordIds = await grants.records(id);
  if (grant === null || !isOfRecords(grant, recordIds)) return null;
  const signed = approvalsOf(grant).filter((approval) => isSigned(grant, approval, keyring));
  return {
    grant,
    approvals: new Map(signed.map((approval) => [sha256(approval.signature), approval])),
    ones: new Set(recordIds.map((recordId) => digestOf([recordId]))),
    spent: 0,
  };
}

/** Whether so many signatures that the chain saw before the intent allow just this. */
function isAllowed(intent: Intent, terms: SignedTerms, required: number): boolean {
  const { grant, approvals, spent } = terms;
  const { detail, actor } = intent;
  const approvers = intent.approvals.flatMap(({ approver, keyId, signatureSha256 }) => {
    const approval = approvals.get(signatureSha256);
    return approval?.approver === approver && approval.keyId === keyId ? [approver] : [];
  });
  return (
    new Set(approvers).size >= required &&
    grant.requester === actor &&
    grant.contract === detail.contract &&
    grant.capability === detail.capability &&
    (detail.fields ?? []).every((field) => grant.fields.includes(field)) &&
    // Work may be begun again.
    (isWork(detail.capability) || spent <= grant.maxRecords) &&
    (grant.capability === "lookup" ? isOfTokens(detail, grant) : isOfSome(detail, terms))
  );
}

function isOfTokens({ tokens = [] }: IntentDetail, grant: Grant): boolean {
  return tokens.length > 0 && tokens.every((token) => tokensOf(grant).includes(token));
}

/** Which records it is on is told by a digest: of all, which work always is on, or of one; of others no list is kept. */
function isOfSome(
  { capability, records, digest }: IntentDetail,
  { grant, ones }: SignedTerms,
): boolean {
  const isWhole = isWork(capability) || records === grant.records;
  if (isWhole) return digest === grant.digest && records === grant.records;
  return digest !== undefined && (records !== 1 || ones.has(digest));
}

function sha256(hex: string): string {
  return createHash("sha256").update(hex, "hex").digest("hex");
}
