import type { QueueAttributes } from "@org/sqs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { createDepth } from "../src/depth.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const attributesOf = (visible: number): QueueAttributes => ({
  arn: null,
  fifo: false,
  visibilityTimeoutSeconds: 30,
  retentionSeconds: null,
  redrive: null,
  depth: { visible, inFlight: 0, delayed: 0 },
});

test("is read once a minute, not known after a failure, and read again", async () => {
  let asked = 1;
  const faults: unknown[] = [];
  const queue = {
    async attributes() {
      asked += 1;
      if (asked === 3) throw new Error("away");
      return attributesOf(asked);
    },
  };
  using depth = createDepth(queue, {
    first: attributesOf(1),
    failed: (error) => faults.push(error),
    isIdle: () => false,
  });
  const seen = [];
  for (let minute = 0; minute < 4; minute += 1) {
    seen.push(depth.last()?.depth.visible);
    await vi.advanceTimersByTimeAsync(60_000);
  }
  expect(seen).toEqual([1, 2, undefined, 4]);
  expect(faults).toHaveLength(1);
});

test("waits for a reading that takes longer than a minute, and reads no more once it is over", async () => {
  let asked = 0;
  const hung = Promise.withResolvers<QueueAttributes>();
  const queue = {
    attributes: () => {
      asked += 1;
      return hung.promise;
    },
  };
  const depth = createDepth(queue, {
    first: attributesOf(1),
    failed: () => {},
    isIdle: () => false,
  });
  await vi.advanceTimersByTimeAsync(180_000);
  expect(asked).toBe(1);
  hung.resolve(attributesOf(5));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(2);
  depth[Symbol.dispose]();
  await vi.advanceTimersByTimeAsync(180_000);
  expect(asked).toBe(2);
});

test("is read twice an hour while nothing is received, and at the first minute in which something is", async () => {
  let asked = 0;
  let isIdle = true;
  const queue = {
    async attributes() {
      asked += 1;
      return attributesOf(asked);
    },
  };
  const first = attributesOf(1);
  const depth = createDepth(queue, { first, failed: () => {}, isIdle: () => isIdle });
  await vi.advanceTimersByTimeAsync(60 * 60_000);
  expect(asked).toBe(2);
  isIdle = false;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(3);
  depth[Symbol.dispose]();
});

test("after a failed reading it is read at the next minute, idle or not", async () => {
  let asked = 0;
  const queue = {
    async attributes(): Promise<QueueAttributes> {
      asked += 1;
      if (asked < 3) throw new Error("away");
      return attributesOf(asked);
    },
  };
  const first = attributesOf(1);
  using depth = createDepth(queue, { first, failed: () => {}, isIdle: () => true });
  await vi.advanceTimersByTimeAsync(3 * 60_000);
  expect(depth.last()?.depth.visible).toBe(3);
});
