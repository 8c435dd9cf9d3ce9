import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createReadiness } from "../src/readiness.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("whoever asks, it is found out at most every five seconds", async () => {
  const check = vi.fn<() => Promise<boolean>>().mockResolvedValue(true);
  const isReady = createReadiness(check);
  expect(await Promise.all([isReady(), isReady()])).toEqual([true, true]);
  expect(await isReady()).toBe(true);
  expect(check).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(5_000);
  check.mockRejectedValue(new Error("no database"));
  expect(await isReady()).toBe(false);
  expect(check).toHaveBeenCalledTimes(2);
});

test("a check that hangs is no answer, and none is begun beside it", async () => {
  const held = Promise.withResolvers<boolean>();
  const check = vi.fn<() => Promise<boolean>>().mockReturnValue(held.promise);
  const isReady = createReadiness(check);
  const first = isReady();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await first).toBe(false);
  const second = isReady();
  expect(check).toHaveBeenCalledTimes(1);
  held.resolve(true);
  expect(await second).toBe(true);
});

test("a clock that is set back holds no answer for longer", async () => {
  const check = vi
    .fn<() => Promise<boolean>>()
    .mockResolvedValueOnce(false)
    .mockResolvedValue(true);
  const isReady = createReadiness(check);
  expect(await isReady()).toBe(false);
  vi.setSystemTime(Date.now() - 3_600_000);
  vi.advanceTimersByTime(5_000);
  expect(await isReady()).toBe(true);
});
