import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { createPace } from "../src/pace.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("what passes in a round trip is the pace of the fastest quarter second, times the shortest way", () => {
  const pace = createPace();
  expect(pace.inRoundTrip()).toBe(0);
  pace.received(80);
  pace.received(25);
  pace.received(60);
  for (const messages of [1_000, 3_000, 2_000]) {
    pace.passed(messages);
    vi.advanceTimersByTime(250);
  }
  expect(pace.inRoundTrip()).toBe(300);
});

test("a pace is forgotten after two seconds, and a way after twenty", () => {
  const pace = createPace();
  pace.received(10);
  vi.advanceTimersByTime(10_001);
  pace.received(100);
  pace.passed(1_000);
  expect(pace.inRoundTrip()).toBe(40);
  vi.advanceTimersByTime(10_001);
  pace.received(100);
  pace.passed(1_000);
  expect(pace.inRoundTrip()).toBe(400);
  vi.advanceTimersByTime(3_000);
  expect(pace.inRoundTrip()).toBe(0);
});
