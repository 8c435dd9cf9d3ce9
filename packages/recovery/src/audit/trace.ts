/** What the chain tells of grants and of the intents under them, row by row. */

import type { AuditRow } from "@org/db";

/** An approval as the chain has it: by whom, and of which signature. */
export interface TracedApproval {
  readonly approver: string;
  readonly keyId: string;
  readonly signatureSha256: string;
}

/** What the audit says of an access, or of a custodian's work. */
export interface IntentDetail {
  readonly contract?: string;
  readonly capability?: string;
  readonly fields?: readonly string[];
  readonly records?: number;
  readonly digest?: string;
  readonly tokens?: readonly string[];
  readonly deadline?: string;
}

export interface Intent {
  readonly seq: number;
  readonly actor: string;
  readonly grantId: string;
  readonly detail: IntentDetail;
  /** Those that stand before it. */
  readonly approvals: readonly TracedApproval[];
  /** Whether whoever made it had asked for it, what it means was resolved, and nobody had ended it. */
  readonly isGranted: boolean;
  /** Null until its result, or until it was abandoned. */
  end: IntentEnd | null;
}

export interface IntentEnd {
  /** Whether something was handed out or changed, as far as tool and database say. */
  readonly hasHappened: boolean;
}

interface GrantTrace {
  requester: string | null;
  isResolved: boolean;
  /** Denied or revoked. */
  isEnded: boolean;
  readonly approvals: TracedApproval[];
}

export interface Trace {
  readonly follow: (row: AuditRow) => void;
  /** In the order of the chain. */
  readonly intents: () => Iterable<Intent>;
}

export function createTrace(): Trace {
  const grants = new Map<string, GrantTrace>();
  const intents: Intent[] = [];
  const byClaim = new Map<string, Intent>();

  function follow({ action, actor, grantId, claimId, detail, seq }: AuditRow): void {
    if (grantId === null) return;
    const grant = grants.get(grantId) ?? newGrant();
    grants.set(grantId, grant);
    if (action === "requested") grant.requester = actor;
    else if (action === "resolved") grant.isResolved = grant.requester === actor;
    else if (action === "denied" || action === "revoked") grant.isEnded = true;
    else if (action === "approved") grant.approvals.push(approvalOf(actor, parse(detail)));
    if (claimId === null) return;
    const known = byClaim.get(claimId);
    if (action === "intent") {
      const intent: Intent = {
        seq,
        actor,
        grantId,
        detail: parse(detail),
        approvals: [...grant.approvals],
        isGranted: grant.requester === actor && grant.isResolved && !grant.isEnded,
        end: null,
      };
      intents.push(intent);
      // A second one under its claim has no end, and so is found.
      byClaim.set(claimId, known ?? intent);
    } else if (known !== undefined) {
      known.end = { hasHappened: hasHappened(action, parse(detail)) };
    }
  }

  return { follow, intents: () => intents };
}

function newGrant(): GrantTrace {
  return { requester: null, isResolved: false, isEnded: false, approvals: [] };
}

function approvalOf(approver: string, detail: Readonly<Record<string, unknown>>): TracedApproval {
  return {
    approver,
    keyId: String(detail["key"]),
    signatureSha256: String(detail["signature_sha256"]),
  };
}

function hasHappened(action: string, detail: Readonly<Record<string, unknown>>): boolean {
  const isSaid = action === "result" && detail["outcome"] !== "not_opened";
  const { fetched, handed_out: handedOut, changed } = detail;
  return isSaid || fetched === true || Number(handedOut) > 0 || Number(changed) > 0;
}

/** What is no JSON object says nothing: then what follows from it fails. */
export function parse(detail: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(detail);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
