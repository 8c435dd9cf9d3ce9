import { expect, test } from "vitest";
import { countWrong } from "../src/written.ts";

const expected = new Map([
  ["a", 1],
  ["b", 2],
]);

test("a row counts as wrong where its values are no message's, or are there too often", () => {
  expect(
    countWrong(
      new Map([
        ["a", 3],
        ["b", 6],
      ]),
      expected,
      3,
    ),
  ).toBe(0);
  expect(
    countWrong(
      new Map([
        ["a", 4],
        ["b", 5],
      ]),
      expected,
      3,
    ),
  ).toBe(1);
  expect(
    countWrong(
      new Map([
        ["a", 3],
        ["c", 6],
      ]),
      expected,
      3,
    ),
  ).toBe(6);
});
