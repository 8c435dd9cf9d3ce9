/** Resolves each message of a batch to its outcome: a fault of the database is waited out, a fault of a row set apart. */
import type { QuarantineRow } from "@org/db/writer";

import { backoffMs, pause, unlessAborted } from "../backoff.ts";
import type { Breaker } from "../breaker.ts";
import type { Held, Item, Outcome } from "../model.ts";
import { writeBackoff } from "./commit.ts";
import type { BatchCommit, CommitOptions } from "./commit.ts";
import { sift } from "./sift.ts";
import type { Refusal, Sifted } from "./sift.ts";

export interface WritePort {
  readonly openCommit: (options: CommitOptions) => BatchCommit;
  /** Writes a well-formed row and takes it back: rejects where the schema, not a row, is at fault. */
  readonly probe: () => Promise<void>;
  readonly breaker: Pick<Breaker, "createTrip">;
}

export interface WriteEvents {
  readonly refused: (messageId: string, sqlState: string) => void;
  /** So many rows fail alike that the schema must be at fault: nothing is quarantined. */
  readonly schemaFault: (sqlState: string, rows: number) => void;
}

export interface WriteOptions extends CommitOptions {
  /** Seals the body of a refused row; null where there is no vault to hold it. */
  readonly quarantine: Quarantine | null;
}

export type Quarantine = (held: Held, reason: string, sqlState: string) => QuarantineRow;

export type Write = (items: readonly Item[], options: WriteOptions) => Promise<Outcome>;

/** More rows than this, and than one in a hundred, refused alike in one batch are the schema's fault. */
const mostRefused = 10;

/** Why a message that parsed well is in quarantine; the SQLSTATE beside it says more. */
const refusedReason = "refused_by_database";

export function createWrite({ openCommit, probe, breaker }: WritePort, events: WriteEvents): Write {
  return async function write(items, { batchKeys, quarantine, giveUp }) {
    using batch = openCommit({ batchKeys, giveUp });
    using schemaTrip = breaker.createTrip();
    const mostAlike = Math.max(mostRefused, items.length / 100);
    const durable: Held[] = [];
    const released: Held[] = [];
    /** Refused before it was known that other rows pass: the schema may have been corrected since. */
    const doubted = new Set<Held>();
    let pending = items;

    for (let attempt = 0; pending.length > 0 && !giveUp.aborted; attempt += 1) {
      const sifted = await sift(pending, batch.commit, mostAlike);
      durable.push(...sifted.durable.map(heldOf));
      const again = [...sifted.refused.map(({ item }) => item), ...sifted.untried];

      const schemaState = await findSchemaFault(sifted, { mostAlike, giveUp });
      const inDoubt = sifted.refused.filter(({ item }) => !doubted.has(item.held));
      if (schemaState !== null) {
        doubted.clear();
        events.schemaFault(schemaState, sifted.refused.length);
        schemaTrip.set();
        pending = again;
        await pause(backoffMs(writeBackoff, attempt), giveUp);
      } else if (inDoubt.length > 0) {
        for (const { item } of inDoubt) doubted.add(item.held);
        pending = again;
      } else {
        for (const { item, sqlState } of sifted.refused) {
          events.refused(item.held.messageId, sqlState);
        }
        if (quarantine) {
          const sealed = sifted.refused.map((refusal) => quarantined(refusal, quarantine));
          pending = [...sealed, ...sifted.untried];
        } else {
          released.push(...again.map(heldOf));
          pending = [];
        }
      }
    }
    return { durable, released: [...released, ...pending.map(heldOf)] };
  };
  /** The SQLSTATE that says the schema is at fault; null where single rows are. */
  async function findSchemaFault(
    { durable, refused }: Sifted,
    { mostAlike, giveUp }: { mostAlike: number; giveUp: AbortSignal },
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

  async function probePasses(giveUp: AbortSignal): Promise<boolean> {
    const probing = probe().then(
      () => true,
      () => false,
    );
    return (await unlessAborted(probing, giveUp)) ?? false;
  }
}

function quarantined({ item: { held }, sqlState }: Refusal, quarantine: Quarantine): Item {
  return { held, kind: "quarantine", row: quarantine(held, refusedReason, sqlState) };
}

function heldOf({ held }: Item): Held {
  return held;
}
