import type { Damage, Received } from "@org/sqs";
import { expect, test, vi } from "vitest";

import { createHelds } from "../held.ts";
import { createReceiver, ignore } from "./receiver.ts";

const pauses: number[] = [];

vi.mock(import("../../src/backoff.ts"), async (importOriginal) => ({
  ...(await importOriginal()),
  pause: async (ms) => void pauses.push(ms),
}));

interface Scene {
  /** How many messages each receive asked for. */
  readonly asked: number[];
  readonly halts: Damage[][];
}

/** Answers with each of these in turn, and stops receiving when there is none left, or no more is asked for. */
async function receiveAll(
  answers: readonly Received[],
  maxReceiveCount: number | null,
): Promise<Scene> {
  pauses.length = 0;
  const left = [...answers];
  const asked: number[] = [];
  const halts: Damage[][] = [];
  const stop = new AbortController();
  const limits = { maxMessages: 100, maxBytes: 2 ** 30, batchSize: 1, batchAgeMs: 0 };
  const queue = {
    async receive({ maxMessages }: { readonly maxMessages: number }): Promise<Received> {
      asked.push(maxMessages);
      const answer = left.shift();
      if (left.length === 0) stop.abort();
      return answer ?? { envelopes: [], damaged: [] };
    },
  };
  const { leases, receive } = createReceiver(queue, limits, {
    pollers: 1,
    waitSeconds: 1,
    maxReceiveCount,
    giveUp: new AbortController().signal,
    events: {
      halted(damages) {
        halts.push([...damages]);
        stop.abort();
      },
      damaged: ignore,
    },
  });
  await receive(stop.signal);
  await leases.stop();
  return { asked, halts };
}

const damaged = (...damages: Damage[]): Received => ({ envelopes: [], damaged: damages });
const sound: Received = { envelopes: createHelds(1).map(({ envelope }) => envelope), damaged: [] };
const many = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

test("a server whose every message lacks a piece is asked three times, then no more", async () => {
  const answers = many(10, damaged("date_missing", "date_missing"));
  const { asked, halts } = await receiveAll(answers, 10);
  expect(asked).toEqual([10, 1, 1]);
  expect(halts).toEqual([["date_missing", "date_missing"]]);
});

test.each([
  [1, 1],
  [3, 1],
  [4, 2],
  [null, 3],
])("where maxReceiveCount is %s it is asked no more than %i times", async (most, receives) => {
  const { asked, halts } = await receiveAll(many(10, damaged("date_missing")), most);
  expect(asked).toHaveLength(receives);
  expect(halts).toHaveLength(1);
});

test("one sound message is proof enough of a server: it is asked on, whatever it brings later", async () => {
  const answers = [damaged("body_missing"), sound, ...many(20, damaged("body_missing"))];
  const { asked, halts } = await receiveAll(answers, 10);
  expect(asked.slice(0, 4)).toEqual([10, 1, 10, 10]);
  expect(asked).toHaveLength(answers.length);
  expect(halts).toEqual([]);
});

test("bodies and dates that are wrong are the messages' own damage: the server is asked on", async () => {
  const answers = many(20, damaged("md5_wrong", "date_impossible"));
  const { asked, halts } = await receiveAll(answers, 10);
  expect(asked).toEqual(many(20, 10));
  expect(halts).toEqual([]);
});

test("while nothing but damage comes, each receive waits longer", async () => {
  await receiveAll([...many(5, damaged("md5_wrong")), sound, sound], 10);
  expect(pauses).toHaveLength(5);
  for (const [failures, ms] of pauses.entries()) {
    expect(ms).toBeGreaterThanOrEqual(100 * 2 ** failures);
  }
});

test("an idle poll is followed by a short pause; the first one is short itself, so that it is soon known whether receives succeed", async () => {
  pauses.length = 0;
  const waits: number[] = [];
  const stop = new AbortController();
  const limits = { maxMessages: 100, maxBytes: 2 ** 30, batchSize: 1, batchAgeMs: 0 };
  const queue = {
    async receive({ waitSeconds }: { readonly waitSeconds: number }): Promise<Received> {
      if (waits.push(waitSeconds) === 3) stop.abort();
      return { envelopes: [], damaged: [] };
    },
  };
  const giveUp = new AbortController().signal;
  const options = { pollers: 1, waitSeconds: 20, giveUp };
  const { leases, receive } = createReceiver(queue, limits, options);
  await receive(stop.signal);
  await leases.stop();
  expect(waits).toEqual([1, 20, 20]);
  // With 20 s of waiting: 175 receives an hour, and twice two questions for the depth.
  expect(pauses).toEqual([500, 500]);
});
