import { expect, test } from "vitest";

import type { ReceivePort } from "../../src/stages/receive.ts";
import { createHeld } from "../held.ts";
import { createReceiver } from "./receiver.ts";

const pollers = 8;

/** A queue that is full until all pollers poll, breaks their connections at once and the next one, and is empty then. */
function createBlinkingQueue(): { queue: ReceivePort; recovered: Promise<void> } {
  const { promise: recovered, resolve: recover } = Promise.withResolvers<void>();
  const waiting: (() => void)[] = [];
  let received = 0;
  let brokenPolls = 0;
  return {
    recovered,
    queue: {
      async receive() {
        if (brokenPolls > 0) {
          brokenPolls += 1;
          if (brokenPolls === 2) throw new Error("broken");
          recover();
          return { envelopes: [], damaged: [] };
        }
        if (received < 10 * pollers) {
          const envelopes = Array.from(
            { length: 10 },
            (_, at) => createHeld(received + at).envelope,
          );
          received += 10;
          return { envelopes, damaged: [] };
        }
        const { promise, reject } = Promise.withResolvers<never>();
        waiting.push(() => reject(new Error("broken")));
        if (waiting.length === pollers) {
          brokenPolls = 1;
          for (const breakOff of waiting) breakOff();
        }
        return promise;
      },
    },
  };
}

test("polls that break together are one failure: receiving goes on after the shortest pause", async () => {
  const { queue, recovered } = createBlinkingQueue();
  const stop = new AbortController();
  const limits = { maxMessages: 10_000, maxBytes: 2 ** 30, batchSize: 1_000, batchAgeMs: 0 };
  const { leases, receive } = createReceiver(queue, limits, {
    pollers,
    waitSeconds: 1,
    giveUp: new AbortController().signal,
  });
  const receiving = receive(stop.signal);
  await recovered;
  stop.abort();
  await receiving;
  await leases.stop();
  expect(leases.size).toBe(10 * pollers);
}, 10_000);
