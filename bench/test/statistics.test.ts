import { expect, test } from "vitest";
import { ratios, summarize } from "../src/statistics.ts";

test("the median of an even number of rounds lies between the two in the middle", () => {
  expect(summarize([4, 1, 3, 2])).toEqual({ median: 2.5, low: 1, high: 4 });
  expect(summarize([7])).toEqual({ median: 7, low: 7, high: 7 });
});

test("ratios are taken round by round", () => {
  expect(ratios([10, 30], [1, 2])).toEqual([10, 15]);
});
