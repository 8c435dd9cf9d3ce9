/** Asking for access, and deciding about it. */

import { type Answer, type Call, callOne } from "./call.ts";

export type Capability = "unmask" | "lookup" | "retry" | "erase" | "rewrap" | "retoken";

/** Which records a request means. */
export type Selector =
  | {
      readonly kind: "records" | "quarantine";
      readonly ids: readonly string[];
      readonly keepTokens?: boolean;
    }
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "user"; readonly user_id: string; readonly keepTokens?: boolean }
  | { readonly kind: "time"; readonly from: string; readonly to: string }
  | { readonly kind: "before"; readonly date: string; readonly keepTokens?: boolean }
  | { readonly kind: "value" }
  | { readonly kind: "recipient"; readonly from: string; readonly to: string }
  | {
      readonly kind: "token_key";
      readonly from: string;
      readonly to: string;
      /** What becomes of rows that nobody can open; left out, they are left. */
      readonly unopenable?: "tombstone";
    };

export interface AccessRequest {
  readonly tenant: string;
  readonly capability: Capability;
  /** `ip`, `device_id`, or `body` of a quarantined message. */
  readonly fields: readonly string[];
  readonly selector: Selector;
  readonly purpose: string;
  readonly ticket: string;
  readonly justification: string;
  readonly reveal: "full" | "partial";
  /** Null: as many as the selector means. */
  readonly maxRecords: number | null;
  readonly minutes: number;
}

export type GrantState =
  | "unresolved"
  | "pending"
  | "live"
  | "denied"
  | "revoked"
  | "expired"
  | "used_up";

/** A grant as the database describes it; whoever relies on it checks the signatures. */
export interface Grant {
  readonly id: string;
  readonly tenant: string;
  readonly requester: string;
  readonly capability: Capability;
  readonly fields: readonly string[];
  /** A user is named by the audit key's HMAC, never by user_id. */
  readonly selector: Readonly<Record<string, unknown>> & { readonly kind: Selector["kind"] };
  /** SHA-256 over the record ids in ascending order, hexadecimal. */
  readonly digest: string;
  readonly records: number;
  readonly purpose: string;
  readonly ticket: string;
  readonly justification: string;
  readonly reveal: "full" | "partial";
  readonly maxRecords: number;
  readonly usedRecords: number;
  readonly approvalsRequired: number;
  readonly nonce: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly state: GrantState;
  readonly approvals: readonly {
    readonly approver: string;
    readonly decision: "approve" | "deny";
    readonly keyId: string;
    readonly signature: string;
  }[];
}

export interface Grants {
  /** Two transactions: how many records match is told only once the request is committed. */
  request(request: AccessRequest): Promise<Answer<{ readonly grant: string }>>;
  /** Newest first; a requester sees their own, approvers and auditors see all. */
  list(limit: number): Promise<Grant[]>;
  /** Null where there is no such grant, or it is not the caller's to see. */
  show(grant: string): Promise<Grant | null>;
  /** The ids that the grant's digest covers, in ascending order. */
  records(grant: string): Promise<string[]>;
  decide(
    grant: string,
    decision: "approve" | "deny",
    /** `login`: for whom the signature was made. */
    by: { readonly keyId: string; readonly signature: Uint8Array; readonly login: string },
  ): Promise<Answer<{ readonly state: GrantState }>>;
  revoke(grant: string): Promise<Answer<{ readonly state: GrantState }>>;
  /** Audits what the tool itself refused. */
  reportRefusal(
    grant: string,
    code: "forged_approval" | "wrong_records" | "wrong_fields" | "confirmation_declined",
  ): Promise<void>;
}

export function createGrants(call: Call): Grants {
  return {
    async request(request) {
      const asked = await callOne<Answer<{ readonly grant: string }>>(
        call,
        "request_access",
        request.tenant,
        request.capability,
        request.fields,
        JSON.stringify(request.selector),
        request.purpose,
        request.ticket,
        request.justification,
        request.reveal,
        request.maxRecords,
        request.minutes,
      );
      if ("refused" in asked) return asked;
      const { selector } = request;
      const userId = selector.kind === "user" ? selector.user_id : null;
      return callOne(call, "resolve_request", asked.grant, userId);
    },
    async list(limit) {
      const rows = await call<{ list_grants: Grant }>("list_grants", limit);
      return rows.map((row) => row.list_grants);
    },
    show: (grant) => callOne<Grant | null>(call, "show_grant", grant),
    async records(grant) {
      const rows = await call<{ grant_records: string }>("grant_records", grant);
      return rows.map((row) => row.grant_records);
    },
    decide: (grant, decision, { keyId, signature, login }) =>
      callOne(call, "decide", grant, decision, keyId, signature, login),
    revoke: (grant) => callOne(call, "revoke", grant),
    async reportRefusal(grant, code) {
      await call("report_refusal", grant, code);
    },
  };
}
