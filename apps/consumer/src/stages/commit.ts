/** Makes messages durable: one transaction, tried again for as long as the database is away. */
import type { BatchKeyRow, QuarantineRow, Row, WriteBatch, WriteResult } from "@org/db/writer";

import { backoffMs, pause, unlessAborted } from "../backoff.ts";
import type { Backoff } from "../backoff.ts";
import type { Breaker } from "../breaker.ts";
import { toFailure } from "../failure.ts";
import type { Failure } from "../failure.ts";
import type { Item } from "../model.ts";

export interface CommitPort {
  /** All of the batch or nothing; what the ledger has already is left out. */
  readonly write: (batch: WriteBatch) => Promise<WriteResult>;
}

export interface CommitEvents {
  readonly wrote: (result: WriteResult, durationMs: number) => void;
  readonly failed: (failure: Failure) => void;
}

/** What became of a transaction. */
export type Committed =
  | { readonly kind: "durable" }
  | { readonly kind: "gave_up" }
  /** Of more than one message: a smaller transaction may pass. */
  | { readonly kind: "too_slow" }
  | { readonly kind: "refused"; readonly sqlState: string };

export type Commit = (part: readonly Item[]) => Promise<Committed>;

export interface CommitOptions {
  readonly batchKeys: readonly BatchKeyRow[];
  /** Aborts when no time is left: what is not durable by then goes back to the queue. */
  readonly giveUp: AbortSignal;
}

/** A batch's way into the database. While it cannot write, it holds the breaker open, at most until it is disposed of. */
export interface BatchCommit extends Disposable {
  readonly commit: Commit;
}

/** Between attempts, and between looks at a schema that refuses everything. */
export const writeBackoff: Backoff = { firstMs: 100, mostMs: 5_000 };

/** So many time-outs in a row are not a hiccup: only a smaller batch may pass. */
const mostTimeouts = 2;

export function createOpenCommit(
  { database, breaker }: { database: CommitPort; breaker: Pick<Breaker, "createTrip"> },
  events: CommitEvents,
): (options: CommitOptions) => BatchCommit {
  return function openCommit({ batchKeys, giveUp }) {
    const outage = breaker.createTrip();

    /** Trying again is safe: the ledger decides. */
    async function commit(part: readonly Item[]): Promise<Committed> {
      const batch = { ...rowsOf(part), batchKeys };
      let timeouts = 0;
      for (let attempt = 0; !giveUp.aborted; attempt += 1) {
        const startedMs = performance.now();
        try {
          const result = await unlessAborted(database.write(batch), giveUp);
          // It may commit yet; then the ledger absorbs the redelivery.
          if (!result) break;
          outage.clear();
          events.wrote(result, performance.now() - startedMs);
          return { kind: "durable" };
        } catch (error) {
          const failure = toFailure("write", error);
          if (isRowFault(error)) {
            outage.clear();
            return { kind: "refused", sqlState: failure.sqlState ?? "unknown" };
          }
          events.failed(failure);
          outage.set();
          timeouts = tookTooLong(error) ? timeouts + 1 : 0;
          if (timeouts === mostTimeouts && part.length > 1) return { kind: "too_slow" };
          await pause(backoffMs(writeBackoff, attempt), giveUp);
        }
      }
      return { kind: "gave_up" };
    }

    return { commit, [Symbol.dispose]: outage.clear };
  };
}

function rowsOf(part: readonly Item[]): { rows: Row[]; quarantined: QuarantineRow[] } {
  const rows: Row[] = [];
  const quarantined: QuarantineRow[] = [];
  for (const item of part) {
    if (item.kind === "row") rows.push(item.row);
    else quarantined.push(item.row);
  }
  return { rows, quarantined };
}

/** The row is at fault, not the database: trying it again cannot help. */
function isRowFault(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, "kind") === "data";
}

/** The statement took too long: a smaller one may pass. */
function tookTooLong(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, "timedOut") === true;
}
