import { expect, test } from "vitest";

import type { Item } from "../../src/model.ts";
import type { Commit } from "../../src/stages/commit.ts";
import { sift } from "../../src/stages/sift.ts";
import { createHeld } from "../held.ts";
import { createRowItem } from "../items.ts";

const itemsOf = (count: number): Item[] =>
  Array.from({ length: count }, (_, index) => createRowItem(index));

const inGroup = (item: Item, groupId: string): Item => {
  const { envelope } = createHeld(0);
  return { ...item, held: { ...item.held, envelope: { ...envelope, groupId } } };
};

/** Refuses every part that has one of these, and notes how large each part was. */
function refusing(bad: readonly (Item | undefined)[], sqlState = "23514"): [Commit, number[]] {
  const sizes: number[] = [];
  const commit: Commit = async (part) => {
    sizes.push(part.length);
    return part.some((item) => bad.includes(item))
      ? { kind: "refused", sqlState }
      : { kind: "durable" };
  };
  return [commit, sizes];
}

test("halves around what is refused; everything else is durable", async () => {
  const items = itemsOf(8);
  const [commit, sizes] = refusing([items[2]]);
  const { durable, refused, untried } = await sift(items, commit, 10);
  expect(refused).toEqual([{ item: items[2], sqlState: "23514" }]);
  expect(durable).toEqual(items.filter((item) => item !== items[2]));
  expect(untried).toEqual([]);
  expect(sizes).toEqual([8, 4, 2, 2, 1, 1, 4]);
});

test("ends the pass after so many refusals alike", async () => {
  const items = itemsOf(32);
  const [commit] = refusing(items);
  const { durable, refused, untried } = await sift(items, commit, 3);
  expect([durable.length, refused.length, untried.length]).toEqual([0, 4, 28]);
});

test("tries nothing of a group behind its refused message", async () => {
  const items = itemsOf(4).map((item, index) => inGroup(item, index === 3 ? "b" : "a"));
  const [commit] = refusing([items[1]]);
  const { durable, refused, untried } = await sift(items, commit, 10);
  expect(durable).toEqual([items[0], items[3]]);
  expect(refused.map(({ item }) => item)).toEqual([items[1]]);
  expect(untried).toEqual([items[2]]);
});

test("halves what is too slow, and leaves what there is no time for", async () => {
  const items = itemsOf(4);
  const parts: number[] = [];
  const { durable, untried } = await sift(
    items,
    async (part) => {
      parts.push(part.length);
      if (part.length === 4) return { kind: "too_slow" };
      return { kind: parts.length === 2 ? "durable" : "gave_up" };
    },
    10,
  );
  expect(parts).toEqual([4, 2, 2]);
  expect([durable, untried]).toEqual([items.slice(0, 2), items.slice(2)]);
});
