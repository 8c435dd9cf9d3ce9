import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createRateLimit } from "../src/rate-limit.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("counts each by themselves, and begins anew after a minute", () => {
  const limit = createRateLimit(2);
  expect(["a", "a", "a", "b"].map((who) => limit.take(who))).toEqual([true, true, false, true]);
  vi.advanceTimersByTime(60_000);
  expect(limit.take("a")).toBe(true);
});

test("a clock that is set back keeps nobody out for longer", () => {
  const limit = createRateLimit(1);
  expect([limit.take("a"), limit.take("a")]).toEqual([true, false]);
  vi.setSystemTime(Date.now() - 3_600_000);
  vi.advanceTimersByTime(60_000);
  expect(limit.take("a")).toBe(true);
});
