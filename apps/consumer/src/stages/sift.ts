/** Sifting: commits what can be committed, in halves around the rows that cannot, or where all at once takes too long. */
import type { Item } from "../model.ts";
import type { Commit } from "./commit.ts";

export interface Refusal {
  readonly item: Item;
  readonly sqlState: string;
}

/** What one pass over a batch came to. */
export interface Sifted {
  readonly durable: readonly Item[];
  readonly refused: readonly Refusal[];
  /** Not tried: behind a refused message of their group, after too many refusals, or for want of time. */
  readonly untried: readonly Item[];
}

/** @param mostAlike - More refusals with one SQLSTATE end the pass: not single rows are at fault then. */
export async function sift(
  all: readonly Item[],
  commit: Commit,
  mostAlike: number,
): Promise<Sifted> {
  const durable: Item[] = [];
  const refused: Refusal[] = [];
  const untried: Item[] = [];
  const refusedGroups = new Set<string | null>();
  const refusals = new Map<string, number>();
  let endsHere = false;
  await siftPart(all);
  return { durable, refused, untried };

  function isHeldBack({ held }: Item): boolean {
    const { groupId } = held.envelope;
    return endsHere || (groupId !== null && refusedGroups.has(groupId));
  }

  function refuse(item: Item, sqlState: string): void {
    refused.push({ item, sqlState });
    refusedGroups.add(item.held.envelope.groupId);
    const alike = (refusals.get(sqlState) ?? 0) + 1;
    refusals.set(sqlState, alike);
    endsHere ||= alike > mostAlike;
  }

  async function siftPart(part: readonly Item[]): Promise<void> {
    const tried: Item[] = [];
    for (const item of part) (isHeldBack(item) ? untried : tried).push(item);
    const [first] = tried;
    if (!first) return;

    const committed = await commit(tried);
    if (committed.kind === "durable") {
      durable.push(...tried);
    } else if (committed.kind === "gave_up") {
      untried.push(...tried);
    } else if (committed.kind === "refused" && tried.length === 1) {
      refuse(first, committed.sqlState);
    } else {
      const middle = Math.ceil(tried.length / 2);
      await siftPart(tried.slice(0, middle));
      await siftPart(tried.slice(middle));
    }
  }
}
