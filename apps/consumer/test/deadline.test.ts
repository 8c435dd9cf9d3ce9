import { getEventListeners } from "node:events";

import { expect, test, vi } from "vitest";

import { openDeadline } from "../src/deadline.ts";

test("aborts when its time is over, and with the signal it was given", () => {
  vi.useFakeTimers();
  using late = openDeadline(1_000, new AbortController().signal);
  vi.advanceTimersByTime(1_000);
  expect(late.signal.aborted).toBe(true);
  vi.useRealTimers();

  const giveUp = new AbortController();
  using ended = openDeadline(60_000, giveUp.signal);
  giveUp.abort();
  expect(ended.signal.aborted).toBe(true);
  using already = openDeadline(60_000, giveUp.signal);
  expect(already.signal.aborted).toBe(true);
});

test("leaves neither timer nor listener behind", () => {
  vi.useFakeTimers();
  const giveUp = new AbortController();
  openDeadline(60_000, giveUp.signal)[Symbol.dispose]();
  expect(vi.getTimerCount()).toBe(0);
  expect(getEventListeners(giveUp.signal, "abort")).toEqual([]);
  vi.useRealTimers();
});
