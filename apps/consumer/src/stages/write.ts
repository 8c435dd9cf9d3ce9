/** Makes a batch durable: one transaction, retried while the database is away, bisected when a row breaks it or time runs out. */
import type { BatchKeyRow, QuarantineRow, WriteBatch, WriteResult } from "@org/db/writer";

import { backoffMs, pause, unlessAborted } from "../backoff.ts";
import type { Backoff } from "../backoff.ts";
import type { Breaker, Trip } from "../breaker.ts";
import { toFailure } from "../failure.ts";
import type { Failure } from "../failure.ts";
import type { Held, Item, Outcome } from "../model.ts";

export interface WritePort {
  /** All of the batch or nothing; what the ledger has already is left out. */
  write(batch: WriteBatch): Promise<WriteResult>;
  /** Writes a well-formed row and rolls it back: rejects where the schema, not a row, is at fault. */
  probe(): Promise<void>;
}

export interface WriteEvents {
  wrote(result: WriteResult, durationMs: number): void;
  failed(failure: Failure): void;
  refused(messageId: string, sqlState: string): void;
  /** So many rows fail alike that the schema must be at fault: nothing is quarantined. */
  schemaFault(sqlState: string, rows: number): void;
}

export interface WriteOptions {
  readonly batchKeys: readonly BatchKeyRow[];
  /** Seals the body of a refused row; null where there is no vault to hold it. */
  readonly quarantine: ((held: Held, reason: string, sqlState: string) => QuarantineRow) | null;
  /** Aborts when no time is left: what is not durable by then goes back to the queue. */
  readonly giveUp: AbortSignal;
}

export type Write = (items: readonly Item[], options: WriteOptions) => Promise<Outcome>;

const writeBackoff: Backoff = { firstMs: 100, mostMs: 5_000 };

/** More rows than this, and than one in a hundred, refused alike in one batch are the schema's fault. */
const mostRefused = 10;

/** So many time-outs in a row are not a hiccup: only a smaller batch may pass. */
const mostTimeouts = 2;

/** Why a message that parsed well is in quarantine; the SQLSTATE beside it says more. */
const refusedReason = "refused_by_database";

interface Refusal {
  readonly item: Item;
  readonly sqlState: string;
}

/** What one pass over a batch came to. */
interface Sifted {
  readonly durable: Item[];
  readonly refused: Refusal[];
  /** Not tried: behind a refused message of their group, or after too many refusals. */
  readonly untried: Item[];
}

/** Resolves only with an outcome: a fault of the database is waited out, a fault of a row set apart. */
export function createWrite(
  { database, breaker }: { database: WritePort; breaker: Breaker },
  events: WriteEvents,
): Write {
  return async function write(items, { batchKeys, quarantine, giveUp }) {
    const mostAlike = Math.max(mostRefused, items.length / 100);
    const settled: Held[] = [];
    const returned: Held[] = [];
    /** Refused before it was known that other rows pass: the schema may have been mended since. */
    const doubted = new Set<Held>();
    let pending = items;
    let schemaTrip: Trip | null = null;
    let outage: Trip | null = null;

    for (let attempt = 0; pending.length > 0 && !giveUp.aborted; attempt += 1) {
      const { durable, refused, untried } = await sift(pending);
      settled.push(...durable.map(({ held }) => held));

      const alike = await schemaFault(durable, refused);
      const inDoubt = refused.filter(({ item }) => !doubted.has(item.held));
      if (alike !== null) {
        doubted.clear();
        events.schemaFault(alike, refused.length);
        schemaTrip ??= breaker.trip();
        pending = [...refused.map(({ item }) => item), ...untried];
        await pause(backoffMs(writeBackoff, attempt), giveUp);
      } else if (inDoubt.length > 0) {
        for (const { item } of inDoubt) doubted.add(item.held);
        pending = [...refused.map(({ item }) => item), ...untried];
      } else if (quarantine) {
        pending = [...refused.map((refusal) => toQuarantine(refusal, quarantine)), ...untried];
      } else {
        for (const { item, sqlState } of refused)
          events.refused(item.held.envelope.messageId, sqlState);
        returned.push(...refused.map(({ item }) => item.held), ...untried.map(({ held }) => held));
        pending = [];
      }
    }
    schemaTrip?.clear();
    endOutage();
    return { settled, returned: [...returned, ...pending.map(({ held }) => held)] };

    /** Commits what can be committed: in halves around the rows that cannot, or where all at once takes too long. */
    async function sift(all: readonly Item[]): Promise<Sifted> {
      const sifted: Sifted = { durable: [], refused: [], untried: [] };
      const refusedGroups = new Set<string | null>();
      let mostRefusedAlike = 0;
      await siftPart(all);
      return sifted;

      function isHeldBack({ held }: Item): boolean {
        const { groupId } = held.envelope;
        return mostRefusedAlike > mostAlike || (groupId !== null && refusedGroups.has(groupId));
      }

      function refuse(refusal: Refusal): void {
        sifted.refused.push(refusal);
        refusedGroups.add(refusal.item.held.envelope.groupId);
        const alike = sifted.refused.filter(({ sqlState }) => sqlState === refusal.sqlState);
        mostRefusedAlike = Math.max(mostRefusedAlike, alike.length);
      }

      async function siftPart(part: readonly Item[]): Promise<void> {
        const tried: Item[] = [];
        for (const item of part) (isHeldBack(item) ? sifted.untried : tried).push(item);
        const [first] = tried;
        if (!first) return;

        const result = await commit(tried);
        if (result.kind === "durable") {
          sifted.durable.push(...tried);
        } else if (result.kind === "gave_up") {
          sifted.untried.push(...tried);
        } else if (result.kind === "refused" && tried.length === 1) {
          refuse({ item: first, sqlState: result.sqlState });
        } else {
          const middle = Math.ceil(tried.length / 2);
          await siftPart(tried.slice(0, middle));
          await siftPart(tried.slice(middle));
        }
      }
    }

    /** One transaction, tried until the database has room for it. Trying again is safe: the ledger decides. */
    async function commit(part: readonly Item[]): Promise<Commit> {
      const batch: WriteBatch = {
        logins: part.flatMap((item) => (item.kind === "login" ? [item.row] : [])),
        quarantined: part.flatMap((item) => (item.kind === "quarantine" ? [item.row] : [])),
        batchKeys,
      };
      let timeouts = 0;
      for (let attempt = 0; !giveUp.aborted; attempt += 1) {
        const startedMs = performance.now();
        try {
          const result = await unlessAborted(database.write(batch), giveUp);
          // It may commit yet; then the ledger absorbs the redelivery.
          if (!result) break;
          endOutage();
          events.wrote(result, performance.now() - startedMs);
          return { kind: "durable" };
        } catch (error) {
          const failure = toFailure("write", error);
          if (failure.isRowFault) {
            endOutage();
            return { kind: "refused", sqlState: failure.sqlState ?? "unknown" };
          }
          events.failed(failure);
          outage ??= breaker.trip();
          timeouts = failure.isTimeout ? timeouts + 1 : 0;
          if (timeouts === mostTimeouts && part.length > 1) return { kind: "too_slow" };
          await pause(backoffMs(writeBackoff, attempt), giveUp);
        }
      }
      return { kind: "gave_up" };
    }

    function endOutage(): void {
      outage?.clear();
      outage = null;
    }

    /** The SQLSTATE that says the schema is at fault; null where single rows are. */
    async function schemaFault(
      durable: readonly Item[],
      refused: readonly Refusal[],
    ): Promise<string | null> {
      const [first] = refused;
      if (!first) return null;
      const quarantineFails = refused.find(({ item }) => item.kind === "quarantine");
      if (quarantineFails) return quarantineFails.sqlState;
      for (const [sqlState, alike] of Map.groupBy(refused, (refusal) => refusal.sqlState)) {
        if (alike.length > mostAlike) return sqlState;
      }
      // A batch too small to count by: the probe tells whether any row would pass.
      const anyRowPasses = durable.length > 0 || (await probePasses(giveUp));
      return anyRowPasses ? null : first.sqlState;
    }
  };

  async function probePasses(giveUp: AbortSignal): Promise<boolean> {
    const probing = database.probe().then(
      () => true,
      () => false,
    );
    return (await unlessAborted(probing, giveUp)) ?? false;
  }

  function toQuarantine(
    { item: { held }, sqlState }: Refusal,
    quarantine: NonNullable<WriteOptions["quarantine"]>,
  ): Item {
    events.refused(held.envelope.messageId, sqlState);
    return { held, kind: "quarantine", row: quarantine(held, refusedReason, sqlState) };
  }
}

type Commit =
  | { readonly kind: "durable" }
  | { readonly kind: "gave_up" }
  /** Of more than one message. */
  | { readonly kind: "too_slow" }
  | { readonly kind: "refused"; readonly sqlState: string };
