/** Moves rows to another token key: opens, tokenizes, and seals anew. */

import type { RetokenedRow, RetokenRow } from "@org/db";
import { MaskingError, type Token, type Tokenizer } from "@org/masking";
import type { BatchSealer, Sealer } from "@org/masking/seal";
import { type BatchOpener, retoken as retokenRecord, type Unsealer } from "@org/masking/unseal";
import type { AnyContract } from "@org/schema";
import {
  countArrived,
  exit,
  isOfSubject,
  nullIfMasking,
  openBatchKey,
  openWork,
  type Originals,
  RecoverError,
  requireOpenable,
  termOf,
  type TokenSource,
  tokenSourcesOf,
  type WorkPorts,
} from "@org/recovery";
import type { Progress } from "../progress.ts";

const batchRows = 1_000;
const firstId = "00000000-0000-0000-0000-000000000000";

export interface RetokenPorts extends WorkPorts {
  readonly contract: AnyContract;
  readonly unsealer: Unsealer;
  readonly sealer: Sealer;
  /** Of the contract's token fields; its primary key is the one to move to. */
  readonly tokenizer: Tokenizer<string>;
}

export interface Retokened {
  readonly moved: number;
  readonly tombstoned: number;
  /** Rows under the old key that came after the request: not touched. */
  readonly arrived: number;
  /** Record ids that keep a token under the old key: nobody can open them. */
  readonly left: readonly string[];
  /** Record ids whose tokens or subject are not those of their originals: changed by somebody, so left. */
  readonly mismatched: readonly string[];
}

/**
 * Online: a row's tokens, seal and seed change in one transaction, and only if the seed is still the
 * one that was opened. A moved row has no token under the old key, so a run that was killed is
 * resumed by itself.
 */
export async function retoken(
  ports: RetokenPorts,
  grantId: string,
  progress: Progress,
): Promise<Retokened> {
  const { work, claims } = ports.recovery;
  const contract = ports.contract.name;
  const order = { grantId, contract, capability: "retoken" } as const;
  const { grant, claim, requireListed } = await openWork(ports, order);
  refuseOtherKey(termOf(grant, "to"), ports.tokenizer.primaryKid);
  using probe = ports.sealer.openBatch();
  await requireOpenable(probe, ports.unsealer);
  const isLeft = termOf(grant, "unopenable") !== "tombstone";
  const move = { claim: claim.claim, isLeft, sources: tokenSourcesOf(ports.contract) };
  let moved = 0;
  let tombstoned = 0;
  const left: string[] = [];
  const mismatched: string[] = [];
  for (let after = firstId; ;) {
    const rows = await work.retokenNext(claim.claim, { after, limit: batchRows });
    const last = rows.at(-1);
    if (last === undefined) break;
    requireListed(rows.map(({ recordId }) => recordId));
    const batch = await moveRows(ports, move, rows);
    moved += batch.moved;
    mismatched.push(...batch.mismatched);
    if (isLeft) left.push(...batch.unopenable.map(({ recordId }) => recordId));
    else tombstoned += await work.retokenTombstone(claim.claim, batch.unopenable);
    after = last.recordId;
    progress(moved);
  }
  const arrived = await countArrived(work, claim);
  const counts = { moved, tombstoned, left: left.length, mismatched: mismatched.length, arrived };
  await claims.reportResult(claim.claim, { outcome: "retokened", ...counts });
  return { ...counts, left, mismatched };
}

function refuseOtherKey(approved: string, primary: string): void {
  if (approved === primary) return;
  throw new RecoverError(exit.configuration, `The grant is for token key ${approved}.`, {
    advice: `The keyring's primary token key is ${primary}: \`recover keys promote\` changes it.`,
  });
}

/** What is the same for every row. */
interface Move {
  readonly claim: string;
  /** Whether rows that nobody can open keep their tokens. */
  readonly isLeft: boolean;
  readonly sources: readonly TokenSource[];
}

interface MovedRows {
  readonly moved: number;
  readonly unopenable: readonly RetokenRow[];
  readonly mismatched: readonly string[];
}

async function moveRows(
  ports: RetokenPorts,
  move: Move,
  rows: readonly RetokenRow[],
): Promise<MovedRows> {
  const { recovery, unsealer, sealer } = ports;
  const { work } = recovery;
  const byKey = Map.groupBy(rows, ({ vault }) => vault?.batchKeyId ?? null);
  const ids = [...byKey.keys()].filter((id) => id !== null);
  const keys = Map.groupBy(await work.retokenBatchKeys(move.claim, ids), ({ id }) => id);
  using fresh = sealer.openBatch();
  const moved: RetokenedRow[] = [];
  const unopenable: RetokenRow[] = [...(byKey.get(null) ?? [])];
  const mismatched: string[] = [];
  for (const id of ids) {
    const opening = openBatchKey(keys.get(id) ?? [], unsealer);
    // What somebody else may be able to open is left, never tombstoned.
    using opener = await (move.isLeft ? opening.catch(nullIfMasking) : opening);
    for (const row of byKey.get(id) ?? []) {
      const retokened = opener && moveRow(row, { ...ports, ...move, from: opener, to: fresh });
      if (retokened === null) unopenable.push(row);
      else if (retokened === "mismatched") mismatched.push(row.recordId);
      else moved.push(retokened);
    }
  }
  return {
    moved: moved.length === 0 ? 0 : await work.retokenStore(move.claim, fresh, moved),
    unopenable,
    mismatched,
  };
}

interface RowMove extends Pick<RetokenPorts, "contract" | "tokenizer">, Pick<Move, "sources"> {
  readonly from: BatchOpener;
  readonly to: BatchSealer;
}

/** Null if the row cannot be opened. */
function moveRow(row: RetokenRow, by: RowMove): RetokenedRow | "mismatched" | null {
  const { recordId, createDate, vault } = row;
  if (vault === null) return null;
  const at = { table: by.contract.table, recordId };
  try {
    const { tokens, sealed, seed } = retokenRecord(
      { at, ...vault },
      { ...by, tokens: (originals) => tokensOf(originals, row, by) },
    );
    if (tokens === null) return "mismatched";
    return { recordId, createDate, oldSeed: vault.seed, tokens, sealed, seed };
  } catch (error) {
    if (!(error instanceof MaskingError)) throw error;
    // What opens but takes no token was sealed by somebody who holds the public key alone.
    return error.code === "ERR_MASKING_UNSEAL_FAILED" ? null : "mismatched";
  }
}

/** The new tokens; null if the row's own tokens or subject are not those of these originals. */
function tokensOf(
  originals: Originals,
  row: RetokenRow,
  { contract, sources, tokenizer }: RowMove,
): Record<string, Token> | null {
  if (!isOfSubject(originals, row.subject, contract)) return null;
  const tokens: Record<string, Token> = {};
  for (const { tokenField, field } of sources) {
    const original = originals[field];
    const stored = row.tokens[tokenField];
    if (original === undefined && stored === undefined) continue;
    if (original === undefined || stored === undefined) return null;
    if (!isOneOf(stored, tokenizer.candidates(tokenField, original))) return null;
    tokens[tokenField] = tokenizer.tokenize(tokenField, original);
  }
  return tokens;
}

/** Also where the key that made the token is not at hand: then it cannot be compared. */
function isOneOf(token: string, candidates: readonly string[]): boolean {
  const start = token.slice(0, token.lastIndexOf(".") + 1);
  const comparable = candidates.filter((candidate) => candidate.startsWith(start));
  return comparable.length === 0 || comparable.includes(token);
}
