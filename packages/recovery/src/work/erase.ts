/** Erases what a grant names: seeds, sealed records, tokens. */

import type { Recovery } from "@org/db";
import type { AnyContract } from "@org/schema";
import { describePlaces, type PlaceReport, reportPlaces } from "./erasure-places.ts";
import {
  countArrived,
  describeArrived,
  openWork,
  type WorkOrder,
  type WorkPorts,
} from "./open-work.ts";

const batchRecords = 1_000;

export interface EraseOrder extends Omit<WorkOrder, "capability"> {
  /** What earlier steps of the same run erased; default nothing. */
  readonly before?: EraseCounts | undefined;
}

export interface ErasePorts extends WorkPorts {
  readonly recovery: WorkPorts["recovery"] & Pick<Recovery, "erasure">;
}

export interface EraseCounts {
  readonly records: number;
  /** Of them, those that had a seed: the others could not have been opened anyway. */
  readonly seeds: number;
}

export interface Erased extends EraseCounts {
  /** What came after the request, and stays: nobody approved it. */
  readonly arrived: number;
  /** Where copies may stand. */
  readonly places: readonly PlaceReport[];
}

/**
 * In batches, each a transaction; killed and run again, it resumes where it was.
 *
 * @param progress - Told after each batch what is erased so far. If it throws, the rest is left to the next run.
 */
export async function erase(
  ports: ErasePorts,
  { before, ...order }: EraseOrder,
  progress: (counts: EraseCounts) => void,
): Promise<Erased> {
  const { work, claims, erasure } = ports.recovery;
  const opened = await openWork(ports, { ...order, capability: "erase" });
  const { claim } = opened.claim;
  const { subject } = order;
  let { records, seeds } = before ?? { records: 0, seeds: 0 };
  for (;;) {
    const batch = await work.eraseNext({ claim, subject, limit: batchRecords });
    if (batch.isDone) break;
    records += batch.erased;
    seeds += batch.seeds;
    progress({ records, seeds });
  }
  const arrived = await countArrived(work, { claim, subject }, () => progress({ records, seeds }));
  await claims.reportResult(claim, { outcome: "erased", records, seeds, arrived });
  const places = await reportPlaces(erasure, await erasure.ofClaim(claim));
  return { records, seeds, arrived, places };
}

export function describeErased(
  { records, seeds, arrived, places }: Erased,
  { fields }: Pick<AnyContract, "fields">,
): string[] {
  const plain = fields.filter(({ isMasked }) => !isMasked).map(({ name }) => name);
  return [
    `Erased ${records} record(s), ${seeds} of them with a seed.`,
    ...describeArrived(arrived, "record(s)"),
    ...describePlaces(places),
    `The rows stay, with ${plain.join(", ")}.`,
  ];
}
