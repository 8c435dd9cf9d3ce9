/** Erases what a grant names: seeds, sealed records, tokens. */

import type { WhatRemains } from "@org/db";
import type { Progress } from "../progress.ts";
import { openWork, type WorkTools } from "./open-work.ts";

const batchRecords = 1_000;

export interface Erased {
  readonly records: number;
  /** Of them, those that had a seed: the others could not have been opened anyway. */
  readonly seeds: number;
  readonly remains: WhatRemains;
}

/** In batches, each a transaction; killed and run again, it goes on where it was. */
export async function erase(
  tools: WorkTools,
  what: { readonly grantId: string; readonly userId?: string | undefined },
  progress: Progress,
): Promise<Erased> {
  const { work, claims } = tools.recovery;
  const { claim } = await openWork(tools, what.grantId, {
    capability: "erase",
    userId: what.userId,
  });
  let records = 0;
  let seeds = 0;
  for (;;) {
    const batch = await work.eraseNext(claim.claim, { userId: what.userId, limit: batchRecords });
    if (batch.isDone) break;
    records += batch.erased;
    seeds += batch.seeds;
    progress(records);
  }
  await claims.reportResult(claim.claim, { outcome: "erased", records, seeds });
  return { records, seeds, remains: await work.whatRemains() };
}
