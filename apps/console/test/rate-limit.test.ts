import { expect, test } from "vitest";
import { createRateLimit } from "../src/rate-limit.ts";

test("counts each by themselves, and begins anew after a minute", () => {
  let nowMs = 0;
  const limit = createRateLimit(2, () => nowMs);
  expect(["a", "a", "a", "b"].map((who) => limit.take(who))).toEqual([true, true, false, true]);
  nowMs = 60_000;
  expect(limit.take("a")).toBe(true);
});
