/** Moves rows to another token key: opens, tokenises, and seals anew. */

import type { RetokenedRow, RetokenRow } from "@org/db";
import { MaskingError, type Tokenizer } from "@org/masking";
import type { BatchSealer, Sealer } from "@org/masking/seal";
import { type BatchOpener, retoken as retokenRecord, type Unsealer } from "@org/masking/unseal";
import { exit, RecoverError } from "../exit.ts";
import { openBatchKey } from "../open/open-records.ts";
import type { Progress } from "../progress.ts";
import { openWork, termOf, type WorkTools } from "./open-work.ts";

const batchRows = 1_000;
const firstId = "00000000-0000-0000-0000-000000000000";

export interface RetokenTools extends WorkTools {
  readonly unsealer: Unsealer;
  readonly sealer: Sealer;
  /** Its primary key is the one to move to. */
  readonly tokenizer: Tokenizer<"ip" | "device_id">;
}

/** Rows whose originals nobody can open: they keep their token, or it goes. */
export type Unopenable = "leave" | "tombstone";

export interface Retokened {
  readonly moved: number;
  readonly tombstoned: number;
  /** Record ids that keep a token under the old key. */
  readonly left: readonly string[];
}

/**
 * Online: a row's token, seal and seed change in one transaction, and only if the seed is still the
 * one that was opened. A moved row has no token under the old key, so a run that was killed goes on
 * by itself.
 */
export async function retoken(
  tools: RetokenTools,
  what: { readonly grantId: string; readonly unopenable: Unopenable },
  progress: Progress,
): Promise<Retokened> {
  const { work, claims } = tools.recovery;
  const { grant, claim } = await openWork(tools, what.grantId, { capability: "retoken" });
  refuseOtherKey(termOf(grant, "to"), tools.tokenizer.primaryKid);
  let moved = 0;
  let tombstoned = 0;
  const left: string[] = [];
  for (let after = firstId; ;) {
    const rows = await work.retokenNext(claim.claim, after, batchRows);
    const last = rows.at(-1);
    if (last === undefined) break;
    const batch = await moveRows(tools, claim.claim, rows);
    moved += batch.moved;
    if (what.unopenable === "leave") left.push(...batch.unopened.map(({ recordId }) => recordId));
    else tombstoned += await work.retokenTombstone(claim.claim, batch.unopened);
    after = last.recordId;
    progress(moved);
  }
  const counts = { moved, tombstoned, left: left.length };
  await claims.reportResult(claim.claim, { outcome: "retokened", ...counts });
  return { ...counts, left };
}

function refuseOtherKey(approved: string, primary: string): void {
  if (approved === primary) return;
  throw new RecoverError(exit.configuration, `The grant is for token key ${approved}.`, {
    advice: `The keyring's primary token key is ${primary}: \`recover keys promote\` changes it.`,
  });
}

async function moveRows(
  { recovery, unsealer, sealer, tokenizer }: RetokenTools,
  claim: string,
  rows: readonly RetokenRow[],
): Promise<{ moved: number; unopened: readonly RetokenRow[] }> {
  const { work } = recovery;
  const byKey = Map.groupBy(rows, ({ vault }) => vault?.batchKeyId ?? null);
  const ids = [...byKey.keys()].filter((id) => id !== null);
  const keys = Map.groupBy(await work.retokenBatchKeys(claim, ids), ({ id }) => id);
  using fresh = sealer.openBatch();
  const moved: RetokenedRow[] = [];
  for (const id of ids) {
    using opener = await openBatchKey(keys.get(id) ?? [], unsealer);
    if (opener === null) continue;
    for (const row of byKey.get(id) ?? []) {
      const retokened = moveRow(row, { from: opener, to: fresh, tokenizer });
      if (retokened !== null) moved.push(retokened);
    }
  }
  const opened = new Set(moved.map(({ recordId }) => recordId));
  return {
    moved: moved.length === 0 ? 0 : await work.retokenStore(claim, fresh, moved),
    unopened: rows.filter(({ recordId }) => !opened.has(recordId)),
  };
}

/** Null if the row cannot be opened. */
function moveRow(
  { recordId, createDate, vault }: RetokenRow,
  by: {
    readonly from: BatchOpener;
    readonly to: BatchSealer;
    readonly tokenizer: RetokenTools["tokenizer"];
  },
): RetokenedRow | null {
  if (vault === null) return null;
  const at = { table: "user_logins", recordId };
  try {
    const { tokens, sealed, seed } = retokenRecord(
      { at, ...vault },
      {
        ...by,
        tokens: ({ ip = "", device_id = "" }) => ({
          maskedIp: by.tokenizer.tokenize("ip", ip),
          maskedDeviceId: by.tokenizer.tokenize("device_id", device_id),
        }),
      },
    );
    return { recordId, createDate, oldSeed: vault.seed, ...tokens, sealed, seed };
  } catch (error) {
    if (error instanceof MaskingError) return null;
    throw error;
  }
}
