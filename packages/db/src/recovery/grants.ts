/** Asking for access, and deciding about it. */

import { type AuditRow, type StoredAuditRow, toAuditRow } from "./audit.ts";
import { type Answer, type Call, callOne } from "./call.ts";

export type Capability = "unmask" | "lookup" | "dossier" | "retry" | "erase" | "rewrap" | "retoken";

/** Which records a request means. */
export type Selector =
  | {
      readonly kind: "records" | "quarantine";
      readonly ids: readonly string[];
      readonly keepTokens?: boolean;
    }
  /** To unmask, each of these may name the subject too: then only that person's records are meant. */
  | ({ readonly kind: "records"; readonly ids: readonly string[] } & NamedSubject)
  | TokenSelector
  | (TokenSelector & NamedSubject)
  | TimeSelector
  | (TimeSelector & NamedSubject)
  | ({ readonly kind: "subject" } & NamedSubject & SubjectTerms)
  | { readonly kind: "before"; readonly date: string; readonly keepTokens?: boolean }
  /** To look up: the tokens of one value, one a token key. */
  | { readonly kind: "value"; readonly tokens: readonly string[] }
  | { readonly kind: "recipient"; readonly from: string; readonly to: string }
  | {
      readonly kind: "token_key";
      readonly from: string;
      readonly to: string;
      /** What becomes of rows that nobody can open; left out, they are left. */
      readonly unopenable?: "tombstone";
    };

/** In whichever masked column it stands. */
interface TokenSelector {
  readonly kind: "token";
  readonly token: string;
}

interface TimeSelector {
  readonly kind: "time";
  readonly from: string;
  readonly to: string;
}

/**
 * Whose records are meant: by the value where the contract keeps it plain, of which the grant keeps an
 * HMAC; else by its tokens, one a token key.
 */
export type NamedSubject = Commitment &
  ({ readonly subject: string } | { readonly tokens: readonly string[] });

export interface Commitment {
  /** SHA-256 over the salt and the value, hexadecimal: docs/recovery-formats.md. */
  readonly commitment: string;
  /** 32 random bytes, hexadecimal; kept apart from what is signed. */
  readonly salt: string;
}

interface SubjectTerms {
  readonly keepTokens?: boolean;
  /** To erase: those of the subject in quarantine, one a token key. */
  readonly tags?: readonly string[];
}

export interface AccessRequest {
  readonly tenant: string;
  /** A contract's name; `*` to rewrap, as batch keys are every contract's. */
  readonly contract: string;
  readonly capability: Capability;
  /** To unmask: masked fields, or `body` of a quarantined message. To look up: token fields. */
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

export interface Approval {
  readonly approver: string;
  readonly decision: "approve" | "deny";
  readonly keyId: string;
  readonly signature: string;
}

/** A grant as the database describes it; whoever relies on it checks the signatures. */
export interface Grant {
  readonly id: string;
  readonly tenant: string;
  readonly requester: string;
  readonly contract: string;
  readonly capability: Capability;
  readonly fields: readonly string[];
  /** In place of ids their `digest` and `count`, in place of a subject's value its HMAC under the audit key. */
  readonly selector: Readonly<Record<string, unknown>> & { readonly kind: Selector["kind"] };
  /** Of the commitment in its selector; only its requester is shown it. */
  readonly subjectSalt: string | null;
  /** SHA-256 over the record ids in ascending order, hexadecimal. */
  readonly digest: string;
  readonly records: number;
  /** Why the request ended before anybody could approve it. */
  readonly ended: "nothing_matches" | "too_many_records" | null;
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
  readonly approvals: readonly Approval[];
}

/** What tells whether a grant waits for approvals, and nothing of its terms. */
export interface OpenGrant extends Pick<Grant, "id" | "state" | "records" | "approvalsRequired"> {
  readonly approvals: readonly Pick<Approval, "approver" | "decision">[];
}

/** What is unusual about a request, against the earlier ones of whoever made it. */
export type Unusual =
  /** Never opened or changed anything of this contract by this capability. */
  | "never_used"
  /** Never opened this field of it. */
  | "new_field"
  /** More records than any grant that they used. */
  | "most_records"
  /** The fifth or later of a day (UTC) that has more than each of the 30 before. */
  | "busiest_day"
  /** None of at least ten earlier ones was made within an hour of this time of day. */
  | "unusual_hour"
  /** They named the ticket before, for other records, another subject or value. */
  | "ticket_of_others"
  /** They asked for the same before, and it was denied or revoked. */
  | "denied_before"
  /** Their login reads the contract's table too: request and analysis in one hand. */
  | "reads_rows";

export interface RequesterHistory {
  /** The claims of so many days count. */
  readonly days: number;
  readonly grants: number;
  readonly records: number;
  readonly opened: readonly OpenedByField[];
  readonly unusual: readonly Unusual[];
}

export interface OpenedByField {
  readonly contract: string;
  readonly capability: Capability;
  /** Null of work. */
  readonly field: string | null;
  readonly grants: number;
  readonly records: number;
}

export interface Decision {
  readonly decision: "approve" | "deny";
  readonly keyId: string;
  readonly signature: Uint8Array;
  /** For whom the signature was made. */
  readonly login: string;
}

/** What the tool itself refused. */
export type ToolRefusal =
  | "forged_approval"
  | "wrong_records"
  | "wrong_fields"
  | "approvals_missing"
  | "confirmation_declined";

/** One subject, or one masked value, that is held against a request. */
export type Compared =
  /** Plain, as the contract keeps it. */
  | { readonly what: "subject"; readonly subject: string }
  /** By its tokens; of quarantined messages, its tags. */
  | { readonly what: "subject" | "value"; readonly tokens: readonly string[] };

/** The database's answer. */
export interface Comparison {
  /** Null where the request names none. */
  readonly isNamed: boolean | null;
  /** How many of the records that the request lists are of it; null where it lists none. */
  readonly records: number | null;
  /** Opens the commitment, for whoever named the subject. */
  readonly salt: string | null;
}

export interface GrantAnswer {
  readonly grant: string;
}

export interface StateAnswer {
  readonly state: GrantState;
}

export interface Grants {
  /** How many records match is told only once the request, and then what it found, are committed. */
  readonly request: (request: AccessRequest) => Promise<Answer<GrantAnswer>>;
  /** Newest first; a requester sees their own, approvers and auditors see all. */
  readonly list: (limit: number) => Promise<Grant[]>;
  /** Null where there is no such grant, or it is not the caller's to see. */
  readonly show: (grant: string) => Promise<Grant | null>;
  /** The ids that the grant's digest covers, in ascending order. */
  readonly records: (grant: string) => Promise<string[]>;
  /** What became of it, by the audit's rows in their order, 500 at most; none where it is not the caller's to see. */
  readonly audit: (grant: string) => Promise<AuditRow[]>;
  /** Of whoever made the request; null where it is not the caller's to see. */
  readonly history: (grant: string) => Promise<RequesterHistory | null>;
  /** Audited, and bounded an hour: it answers guesses. */
  readonly compare: (grant: string, compared: Compared) => Promise<Answer<Comparison>>;
  /** Deciding in the same way twice is one decision. */
  readonly decide: (grant: string, decision: Decision) => Promise<Answer<StateAnswer>>;
  readonly revoke: (grant: string) => Promise<Answer<StateAnswer>>;
  /** Audits what the tool itself refused. */
  readonly reportRefusal: (grant: string, code: ToolRefusal) => Promise<void>;
}

interface Resolved extends GrantAnswer {
  /** False while rows are left to be walked. */
  readonly isDone?: boolean;
}

export function createGrants(call: Call): Grants {
  const show = (grant: string): Promise<Grant | null> =>
    callOne<Grant | null>(call, "show_grant", { p_grant: grant });
  return {
    async request(request) {
      const asked = await callOne<Answer<GrantAnswer>>(call, "request_access", {
        p_request: JSON.stringify(request),
      });
      if ("refused" in asked) return asked;
      const resolve = () =>
        callOne<Answer<Resolved>>(call, "resolve_request", {
          p_grant: asked.grant,
          p_selector: JSON.stringify(request.selector),
        });
      let resolved = await resolve();
      while (!("refused" in resolved) && resolved.isDone === false) resolved = await resolve();
      if ("refused" in resolved) return resolved;
      const ended = (await show(asked.grant))?.ended ?? null;
      return ended === null ? resolved : { refused: ended };
    },
    async list(limit) {
      const rows = await call<{ list_grants: Grant }>("list_grants", { p_limit: limit });
      return rows.map((row) => row.list_grants);
    },
    show,
    async records(grant) {
      const rows = await call<{ grant_records: string }>("grant_records", { p_grant: grant });
      return rows.map((row) => row.grant_records);
    },
    async audit(grant) {
      return (await call<StoredAuditRow>("grant_audit", { p_grant: grant })).map(toAuditRow);
    },
    history: (grant) => callOne(call, "requester_history", { p_grant: grant }),
    async compare(grant, compared) {
      const named = {
        p_subject: "subject" in compared ? compared.subject : null,
        p_tokens: "tokens" in compared ? compared.tokens : null,
      };
      const asked = await callOne<Answer<{ readonly comparison: string }>>(
        call,
        "compare_request",
        { p_grant: grant, p_what: compared.what, ...named },
      );
      if ("refused" in asked) return asked;
      return callOne(call, "answer_comparison", { p_comparison: asked.comparison, ...named });
    },
    decide: (grant, { decision, keyId, signature, login }) =>
      callOne(call, "decide", {
        p_grant: grant,
        p_decision: decision,
        p_key_id: keyId,
        p_signature: signature,
        p_signer: login,
      }),
    revoke: (grant) => callOne(call, "revoke", { p_grant: grant }),
    async reportRefusal(grant, code) {
      await call("report_refusal", { p_grant: grant, p_code: code });
    },
  };
}
