import { expect, test, vi } from "vitest";

import { createReceiver, ignore } from "./receiver.ts";

/** The pauses asked for so far; each ends when the test says so. */
const pauses: { ms: number; end: () => void }[] = [];

vi.mock(import("../../src/backoff.ts"), async (importOriginal) => ({
  ...(await importOriginal()),
  pause: (ms) => new Promise((end) => pauses.push({ ms, end })),
}));

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("no poll starts right after a failed one: each failure in a row is followed by a longer pause", async () => {
  let polls = 0;
  let fail = ignore;
  const queue = {
    receive: () => {
      polls += 1;
      return new Promise<never>((_, reject) => (fail = () => reject(new Error("refused"))));
    },
  };
  const stop = new AbortController();
  const limits = { maxMessages: 100, maxBytes: 2 ** 30, batchSize: 1, batchAgeMs: 0 };
  const { leases, receive } = createReceiver(queue, limits, {
    pollers: 1,
    waitSeconds: 1,
    giveUp: stop.signal,
  });
  const receiving = receive(stop.signal);
  await settle();
  for (let failures = 1; failures <= 5; failures += 1) {
    fail();
    await settle();
    expect(polls).toBe(failures);
    expect(pauses).toHaveLength(failures);
    expect(pauses.at(-1)?.ms).toBeGreaterThanOrEqual(100 * 2 ** (failures - 1));
    pauses.at(-1)?.end();
    await settle();
    expect(polls).toBe(failures + 1);
  }
  stop.abort();
  fail();
  await settle();
  pauses.at(-1)?.end();
  await receiving;
  await leases.stop();
});
