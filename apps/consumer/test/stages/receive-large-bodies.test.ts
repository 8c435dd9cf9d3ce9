import { expect, test } from "vitest";

import { mostPerReceive } from "../../src/buffer.ts";
import type { Leases } from "../../src/leases.ts";
import type { ReceivePort } from "../../src/stages/receive.ts";
import { createHeld } from "../held.ts";
import { createReceiver } from "./receiver.ts";

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pollers = 8;
const mebibyte = 1024 * 1024;

/** A queue that is full of small messages until all pollers poll, and of 1 MiB ones from then on. */
function createGrowingQueue(): {
  queue: ReceivePort;
  allPoll: Promise<void>;
  readonly answerOne: () => void;
} {
  const { promise: allPoll, resolve } = Promise.withResolvers<void>();
  const waiting: (() => void)[] = [];
  let received = 0;
  function answer(bytes: number): Awaited<ReturnType<ReceivePort["receive"]>> {
    const indices = Array.from({ length: mostPerReceive }, () => (received += 1));
    return { envelopes: indices.map((at) => createHeld(at, { bytes }).envelope), damaged: [] };
  }
  return {
    allPoll,
    queue: {
      async receive() {
        if (received < mostPerReceive * pollers) return answer(170);
        const { promise: turn, resolve: go } = Promise.withResolvers<void>();
        waiting.push(go);
        if (waiting.length === pollers) resolve();
        await turn;
        return answer(mebibyte);
      },
    },
    answerOne: () => waiting.shift()?.(),
  };
}

function bytesInHand(leases: Leases): number {
  return leases.inHand().reduce((sum, { envelope }) => sum + envelope.bytes, 0);
}

test.each([
  { maxMebibytes: 64, inHand: 80 },
  { maxMebibytes: 25, inHand: 40 },
])(
  "when bodies grow to 1 MiB, polls in flight just then exceed the bound of $maxMebibytes MiB, up to twice; what they bring beyond is left to come again",
  async ({ maxMebibytes, inHand }) => {
    let left = 0;
    const { queue, allPoll, answerOne } = createGrowingQueue();
    const stop = new AbortController();
    const limits = {
      maxMessages: 10_000,
      maxBytes: maxMebibytes * mebibyte,
      batchSize: 1_000,
      batchAgeMs: 0,
    };
    const { leases, receive } = createReceiver(queue, limits, {
      pollers,
      waitSeconds: 1,
      giveUp: new AbortController().signal,
      events: { left: (count) => (left += count) },
    });
    const receiving = receive(stop.signal);
    await allPoll;
    const small = bytesInHand(leases);
    for (let answers = 0; answers < 2 * pollers; answers += 1) {
      answerOne();
      await settle();
    }
    expect(bytesInHand(leases)).toBe(small + inHand * mebibyte);
    expect(left).toBe(pollers * mostPerReceive - inHand);
    stop.abort();
    await receiving;
    await leases.stop();
  },
);
