/** What is held about the subject of a claimed dossier, and every access to it. */

import { type AuditRow, type StoredAuditRow, toAuditRow } from "./audit.ts";
import type { Call } from "./call.ts";
import { startFetch } from "./claims.ts";
import type { Page } from "./work.ts";

export interface HeldRecord {
  readonly recordId: string;
  /** One that went since the request is gone. */
  readonly source: "row" | "quarantine" | "gone";
  /** Null where it is gone. */
  readonly sentAt: Date | null;
  /** The columns in which something stands; `body` of a quarantined message. */
  readonly held: readonly string[];
  /** Whether its originals can be opened still. */
  readonly isSealed: boolean;
  /** A day. */
  readonly erasedOn: string | null;
}

/** A row of the audit about an access to some of the records, or about its grant. */
export interface AccessRow extends AuditRow {
  /** Of an intent: those that it was on. */
  readonly records: readonly string[] | null;
}

export interface Dossier {
  /** In ascending order of their ids, 1,000 at most. */
  readonly held: (claim: string, page: Page) => Promise<HeldRecord[]>;
  /** In order, after `seq`, 100 at most; the dossier's own intent is among them. */
  readonly accesses: (claim: string, after: number, limit: number) => Promise<AccessRow[]>;
}

interface StoredHeldRecord {
  readonly record_id: string;
  readonly source: HeldRecord["source"];
  readonly sent_at: string | null;
  readonly held: readonly string[];
  readonly is_sealed: boolean;
  readonly erased_on: string | null;
}

export function createDossier(call: Call): Dossier {
  return {
    async held(claim, { after, limit }) {
      await startFetch(call, claim);
      const rows = await call<StoredHeldRecord>("fetch_dossier", {
        p_claim: claim,
        p_after: after,
        p_limit: limit,
      });
      return rows.map((row) => ({
        recordId: row.record_id,
        source: row.source,
        sentAt: row.sent_at === null ? null : new Date(row.sent_at),
        held: row.held,
        isSealed: row.is_sealed,
        erasedOn: row.erased_on,
      }));
    },
    async accesses(claim, after, limit) {
      await startFetch(call, claim);
      const rows = await call<StoredAuditRow & Pick<AccessRow, "records">>("fetch_accesses", {
        p_claim: claim,
        p_after: after,
        p_limit: limit,
      });
      return rows.map((row) => ({ ...toAuditRow(row), records: row.records }));
    },
  };
}
