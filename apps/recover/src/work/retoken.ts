/** Moves rows to another token key: opens, tokenises, and seals anew. */

import type { RetokenedRow, RetokenRow } from "@org/db";
import { MaskingError, type Tokenizer } from "@org/masking";
import type { BatchSealer, Sealer } from "@org/masking/seal";
import { type BatchOpener, retoken as retokenRecord, type Unsealer } from "@org/masking/unseal";
import { exit, RecoverError } from "../exit.ts";
import { nullIfMasking, openBatchKey, requireOpenable } from "../open/open-records.ts";
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

export interface Retokened {
  readonly moved: number;
  readonly tombstoned: number;
  /** Record ids that keep a token under the old key: nobody can open them. */
  readonly left: readonly string[];
  /** Record ids whose tokens are not those of their originals: changed by somebody, so left. */
  readonly mismatched: readonly string[];
}

/**
 * Online: a row's token, seal and seed change in one transaction, and only if the seed is still the
 * one that was opened. A moved row has no token under the old key, so a run that was killed goes on
 * by itself.
 */
export async function retoken(
  tools: RetokenTools,
  grantId: string,
  progress: Progress,
): Promise<Retokened> {
  const { work, claims } = tools.recovery;
  const { grant, claim } = await openWork(tools, grantId, { capability: "retoken" });
  refuseOtherKey(termOf(grant, "to"), tools.tokenizer.primaryKid);
  using probe = tools.sealer.openBatch();
  await requireOpenable(probe, tools.unsealer);
  const isLeft = termOf(grant, "unopenable") !== "tombstone";
  let moved = 0;
  let tombstoned = 0;
  const left: string[] = [];
  const mismatched: string[] = [];
  for (let after = firstId; ;) {
    const rows = await work.retokenNext(claim.claim, after, batchRows);
    const last = rows.at(-1);
    if (last === undefined) break;
    const batch = await moveRows(tools, { claim: claim.claim, isLeft }, rows);
    moved += batch.moved;
    mismatched.push(...batch.mismatched);
    if (isLeft) left.push(...batch.unopenable.map(({ recordId }) => recordId));
    else tombstoned += await work.retokenTombstone(claim.claim, batch.unopenable);
    after = last.recordId;
    progress(moved);
  }
  const counts = { moved, tombstoned, left: left.length, mismatched: mismatched.length };
  await claims.reportResult(claim.claim, { outcome: "retokened", ...counts });
  return { ...counts, left, mismatched };
}

function refuseOtherKey(approved: string, primary: string): void {
  if (approved === primary) return;
  throw new RecoverError(exit.configuration, `The grant is for token key ${approved}.`, {
    advice: `The keyring's primary token key is ${primary}: \`recover keys promote\` changes it.`,
  });
}

interface MovedRows {
  readonly moved: number;
  readonly unopenable: readonly RetokenRow[];
  readonly mismatched: readonly string[];
}

async function moveRows(
  { recovery, unsealer, sealer, tokenizer }: RetokenTools,
  { claim, isLeft }: { readonly claim: string; readonly isLeft: boolean },
  rows: readonly RetokenRow[],
): Promise<MovedRows> {
  const { work } = recovery;
  const byKey = Map.groupBy(rows, ({ vault }) => vault?.batchKeyId ?? null);
  const ids = [...byKey.keys()].filter((id) => id !== null);
  const keys = Map.groupBy(await work.retokenBatchKeys(claim, ids), ({ id }) => id);
  using fresh = sealer.openBatch();
  const moved: RetokenedRow[] = [];
  const unopenable: RetokenRow[] = [...(byKey.get(null) ?? [])];
  const mismatched: string[] = [];
  for (const id of ids) {
    const opening = openBatchKey(keys.get(id) ?? [], unsealer);
    // What somebody else may be able to open is left, never tombstoned.
    using opener = await (isLeft ? opening.catch(nullIfMasking) : opening);
    for (const row of byKey.get(id) ?? []) {
      const retokened = opener && moveRow(row, { from: opener, to: fresh, tokenizer });
      if (retokened === null) unopenable.push(row);
      else if (retokened === "mismatched") mismatched.push(row.recordId);
      else moved.push(retokened);
    }
  }
  return {
    moved: moved.length === 0 ? 0 : await work.retokenStore(claim, fresh, moved),
    unopenable,
    mismatched,
  };
}

/** Null if the row cannot be opened. */
function moveRow(
  { recordId, createDate, vault, maskedIp, maskedDeviceId }: RetokenRow,
  by: {
    readonly from: BatchOpener;
    readonly to: BatchSealer;
    readonly tokenizer: RetokenTools["tokenizer"];
  },
): RetokenedRow | "mismatched" | null {
  if (vault === null) return null;
  const at = { table: "user_logins", recordId };
  let fits = true;
  try {
    const { tokens, sealed, seed } = retokenRecord(
      { at, ...vault },
      {
        ...by,
        tokens({ ip = "", device_id = "" }) {
          const ips = by.tokenizer.candidates("ip", ip);
          const deviceIds = by.tokenizer.candidates("device_id", device_id);
          fits = isOneOf(maskedIp, ips) && isOneOf(maskedDeviceId, deviceIds);
          return {
            maskedIp: by.tokenizer.tokenize("ip", ip),
            maskedDeviceId: by.tokenizer.tokenize("device_id", device_id),
          };
        },
      },
    );
    if (!fits) return "mismatched";
    return { recordId, createDate, oldSeed: vault.seed, ...tokens, sealed, seed };
  } catch (error) {
    if (!(error instanceof MaskingError)) throw error;
    // What opens but takes no token was sealed by somebody who holds the public key alone.
    return error.code === "ERR_MASKING_UNSEAL_FAILED" ? null : "mismatched";
  }
}

/** Also where the key that made the token is not at hand: then it cannot be compared. */
function isOneOf(token: string, candidates: readonly string[]): boolean {
  const start = token.slice(0, token.lastIndexOf(".") + 1);
  const comparable = candidates.filter((candidate) => candidate.startsWith(start));
  return comparable.length === 0 || comparable.includes(token);
}
