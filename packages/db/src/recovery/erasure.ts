/** Where copies of what was erased may still stand, as far as the database can tell. */

import { findLoggedByRoles, type LogSetting } from "../log-settings.ts";
import type { Call } from "./call.ts";
import type { Page } from "./work.ts";

export type ErasurePlace =
  /** Of one record alone: whether it was erased at all. */
  | "record"
  | "seeds"
  | "sealed_records"
  | "quarantine"
  | "tokens"
  | "statistics"
  | "snapshots"
  | "prepared_transactions"
  | "replication_slots"
  | "publications"
  | "wal"
  | "backups"
  /** Of a claim alone: quarantined messages of which nobody knows whose they are. */
  | "untagged_quarantine";

export interface PlaceState {
  readonly place: ErasurePlace;
  /** Why it may hold a copy: a code. Null where it holds none. */
  readonly reason: string | null;
  /** The tables that it is about. */
  readonly relations: readonly string[];
  readonly count: number | null;
  /** Days, in UTC. */
  readonly since: string | null;
  readonly until: string | null;
}

export interface ErasedRecord {
  readonly recordId: string;
  /** The day, UTC. */
  readonly erasedOn: string;
  readonly contract: string;
}

export interface Erasure {
  readonly ofRecord: (record: string) => Promise<PlaceState[]>;
  /** Of all that the caller erased under it. */
  readonly ofClaim: (claim: string) => Promise<PlaceState[]>;
  /** By day, from the ids of day `since` on that come after `after`; `limit` 10,000 at most. */
  readonly list: (since: string, page: Page) => Promise<ErasedRecord[]>;
  /** The log's settings by which what we store would stand in it. */
  readonly loggedByRoles: () => Promise<LogSetting[]>;
}

type StoredState = Omit<PlaceState, "count"> & { readonly count: string | null };

interface StoredRecord {
  readonly record_id: string;
  readonly erased_on: string;
  readonly contract: string;
}

export function createErasure(call: Call): Erasure {
  return {
    async ofRecord(record) {
      const states = await call<StoredState>("erasure_of_record", { p_record: record });
      return states.map(toState);
    },
    async ofClaim(claim) {
      const states = await call<StoredState>("erasure_of_claim", { p_claim: claim });
      return states.map(toState);
    },
    async list(since, { after, limit }) {
      const rows = await call<StoredRecord>("list_erased", {
        p_since: since,
        p_after: after,
        p_limit: limit,
      });
      return rows.map((row) => ({
        recordId: row.record_id,
        erasedOn: row.erased_on,
        contract: row.contract,
      }));
    },
    async loggedByRoles() {
      return findLoggedByRoles(await call<LogSetting>("log_settings"));
    },
  };
}

function toState({ count, ...state }: StoredState): PlaceState {
  return { ...state, count: count === null ? null : Number(count) };
}
