/** Erases what a grant names: seeds, sealed records, tokens. */

import type { WhatRemains } from "@org/db";
import type { Progress } from "../progress.ts";
import { openWork, type WorkOrder, type WorkPorts } from "./open-work.ts";

const batchRecords = 1_000;

export type EraseOrder = Omit<WorkOrder, "capability">;

export interface Erased {
  readonly records: number;
  /** Of them, those that had a seed: the others could not have been opened anyway. */
  readonly seeds: number;
  readonly remains: WhatRemains;
}

/** In batches, each a transaction; killed and run again, it resumes where it was. */
export async function erase(
  ports: WorkPorts,
  order: EraseOrder,
  progress: Progress,
): Promise<Erased> {
  const { work, claims } = ports.recovery;
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
  await claims.reportResult(claim.claim, { outcome: "erased", records, seeds });
  return { records, seeds, remains: await work.whatRemains() };
}
