/** Erases what a grant names: seeds, sealed records, tokens. */

import type { Recovery } from "@org/db";
import type { Progress } from "../progress.ts";
import { type PlaceReport, reportPlaces } from "./erasure-places.ts";
import { openWork, type WorkOrder, type WorkPorts } from "./open-work.ts";

const batchRecords = 1_000;

export type EraseOrder = Omit<WorkOrder, "capability">;

export interface ErasePorts extends WorkPorts {
  readonly recovery: WorkPorts["recovery"] & Pick<Recovery, "erasure">;
}

export interface Erased {
  readonly records: number;
  /** Of them, those that had a seed: the others could not have been opened anyway. */
  readonly seeds: number;
  /** What came after the request, and stays: nobody approved it. */
  readonly arrived: number;
  /** Where copies may stand. */
  readonly places: readonly PlaceReport[];
}

/** In batches, each a transaction; killed and run again, it resumes where it was. */
export async function erase(
  ports: ErasePorts,
  order: EraseOrder,
  progress: Progress,
): Promise<Erased> {
  const { work, claims, erasure } = ports.recovery;
  const { claim } = await openWork(ports, { ...order, capability: "erase" });
  const { subject } = order;
  let records = 0;
  let seeds = 0;
  for (;;) {
    const batch = await work.eraseNext({ claim: claim.claim, subject, limit: batchRecords });
    if (batch.isDone) break;
    records += batch.erased;
    seeds += batch.seeds;
    progress(records);
  }
  const arrived = await work.countArrived({ claim: claim.claim, subject });
  await claims.reportResult(claim.claim, { outcome: "erased", records, seeds, arrived });
  const states = await erasure.ofClaim(claim.claim);
  return { records, seeds, arrived, places: await reportPlaces(erasure, states) };
}
