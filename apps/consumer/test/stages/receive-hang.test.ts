import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { Failure } from "../../src/failure.ts";
import type { Leases } from "../../src/leases.ts";
import type { ReceivePort } from "../../src/stages/receive.ts";
import { createHelds } from "../held.ts";
import { createReceiver } from "./receiver.ts";

vi.mock(import("../../src/backoff.ts"), async (importOriginal) => ({
  ...(await importOriginal()),
  pause: async () => {},
}));

type Received = Awaited<ReturnType<ReceivePort["receive"]>>;

/** A queue whose calls answer only when the test says so, and heed no signal. */
function createDeafQueue(): { queue: ReceivePort; polls: ((received: Received) => void)[] } {
  const polls: ((received: Received) => void)[] = [];
  return { polls, queue: { receive: () => new Promise((answer) => polls.push(answer)) } };
}

interface Scene {
  readonly leases: Leases;
  readonly failures: Failure[];
  readonly counts: number[];
  readonly stop: AbortController;
  readonly giveUp: AbortController;
  readonly receiving: Promise<void>;
}

function startReceive(queue: ReceivePort): Scene {
  const failures: Failure[] = [];
  const counts: number[] = [];
  const stop = new AbortController();
  const giveUp = new AbortController();
  const limits = { maxMessages: 10, maxBytes: 2 ** 30, batchSize: 1, batchAgeMs: 0 };
  const { leases, receive } = createReceiver(queue, limits, {
    pollers: 1,
    waitSeconds: 1,
    leaseSeconds: 3_600,
    giveUp: giveUp.signal,
    events: {
      polled: (count) => counts.push(count),
      failed: (failure) => failures.push(failure),
    },
  });
  return { leases, failures, counts, stop, giveUp, receiving: receive(stop.signal) };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a poll that hangs and ignores its abort is given up: the next one starts, in its room", async () => {
  const { queue, polls } = createDeafQueue();
  const { leases, failures, stop, receiving } = startReceive(queue);
  await vi.advanceTimersByTimeAsync(15_000);
  expect(polls).toHaveLength(1);

  await vi.advanceTimersByTimeAsync(1_000);
  expect(failures).toMatchObject([{ stage: "receive", reason: "aborted" }]);
  expect(polls).toHaveLength(2);

  stop.abort();
  polls[1]?.({ envelopes: [], damaged: [] });
  await receiving;
  await leases.stop();
});

test("what a given-up poll brings late is neither held nor counted; its redelivery is, once", async () => {
  const { queue, polls } = createDeafQueue();
  const { leases, counts, stop, receiving } = startReceive(queue);
  const envelopes = createHelds(10).map(({ envelope }) => envelope);
  await vi.advanceTimersByTimeAsync(16_000);

  polls[0]?.({ envelopes, damaged: [] });
  await vi.advanceTimersByTimeAsync(0);
  expect({ held: leases.size, counts }).toEqual({ held: 0, counts: [] });

  polls[1]?.({ envelopes, damaged: [] });
  stop.abort();
  await receiving;
  expect({ held: leases.size, counts }).toEqual({ held: 10, counts: [10] });
  await leases.stop();
});

test("a poll that hangs does not outlive the time to shut down", async () => {
  const { queue } = createDeafQueue();
  const { leases, stop, giveUp, receiving } = startReceive(queue);
  await vi.advanceTimersByTimeAsync(0);
  stop.abort();
  giveUp.abort();
  await expect(receiving).resolves.toBeUndefined();
  await leases.stop();
});
