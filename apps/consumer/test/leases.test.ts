import type { BatchFailure, Receipt } from "@org/sqs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { createLeases } from "../src/leases.ts";
import type { Leases } from "../src/leases.ts";
import type { Held } from "../src/model.ts";
import { createHeld } from "./held.ts";

type Code = BatchFailure["code"];

interface Renewal extends Receipt {
  readonly seconds: number;
  readonly atMs: number;
}

const ignore = (): void => {};

interface Stage {
  readonly leases: Leases;
  /** What the queue was asked for so far. */
  readonly renewals: Renewal[];
  readonly counted: { renewed: number; lost: number };
  /** The code of each failed renewal. */
  readonly failed: string[];
  /** How the queue refuses renewals from now on; null: it does not. */
  readonly refuse: (code: Code | null) => void;
  /** What happens while a renewal is under way. */
  readonly meanwhile: (happen: () => void) => void;
}

function openStage(visibilityTimeoutSeconds: number): Stage {
  const renewals: Renewal[] = [];
  const counted = { renewed: 0, lost: 0 };
  const failed: string[] = [];
  let code: Code | null = null;
  let happen = ignore;
  const queue = {
    async changeVisibility(receipts: readonly Receipt[], seconds: number): Promise<BatchFailure[]> {
      const sent = receipts.map((receipt) => ({ ...receipt }));
      renewals.push(...sent.map((receipt) => ({ ...receipt, seconds, atMs: performance.now() })));
      happen();
      const refusal = code;
      if (refusal === null) return [];
      return sent.map((receipt) => ({ receipt, code: refusal, senderFault: false }));
    },
  };
  const leases = createLeases(queue, {
    visibilityTimeoutSeconds,
    events: {
      renewed: (count) => (counted.renewed += count),
      failed: (codes) => failed.push(...codes),
      lost: (count) => (counted.lost += count),
    },
  });
  return {
    leases,
    renewals,
    counted,
    failed,
    refuse: (refusal) => (code = refusal),
    meanwhile: (next) => (happen = next),
  };
}

/** The same message by a receipt of now. */
function receive({ leases }: Stage, receiptHandle: string): Held | null {
  const { envelope } = createHeld(1);
  return leases.hold({ ...envelope, receiptHandle, receivedAtMs: performance.now() });
}

const seconds = async (count: number): Promise<unknown> =>
  vi.advanceTimersByTimeAsync(count * 1000);

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test("renews a message for as long as it is in hand, and not when it is dropped", async () => {
  const at = openStage(40);
  const message = receive(at, "first");
  await seconds(100);

  expect(at.renewals.length).toBeGreaterThanOrEqual(4);
  expect(at.renewals.every((renewal) => renewal.seconds === 40)).toBe(true);
  expect(at.counted).toEqual({ renewed: at.renewals.length, lost: 0 });

  at.leases.drop(message ? [message] : []);
  const before = at.renewals.length;
  await seconds(100);
  expect(at.renewals).toHaveLength(before);
  expect(at.counted.lost).toBe(0);
});

test.each(["ReceiptHandleIsInvalid", "InvalidParameterValue"] as const)(
  "gives a lease up at once when the queue says %s",
  async (code) => {
    const at = openStage(40);
    const message = receive(at, "first");
    at.refuse(code);
    await seconds(21);

    expect(message?.leaseLost).toBe(true);
    await seconds(100);
    expect(at.renewals).toHaveLength(1);
    expect(at.counted).toEqual({ renewed: 0, lost: 1 });
    expect(at.failed).toEqual([code]);
  },
);

const hours = 60 * 60;

test.each([
  ["12 hours", 12 * hours],
  ["8 hours", 8 * hours],
  ["6 hours", 6 * hours],
  ["40 seconds", 40],
])("renews a lease of %s to the 12 hours that SQS allows, and not past them", async (_, lease) => {
  const at = openStage(lease);
  const receivedAtMs = performance.now();
  const message = receive(at, "first");
  await seconds(12 * hours - 90);

  expect(message?.leaseLost).toBe(false);
  expect(message?.leaseUntilMs).toBeGreaterThan(performance.now());
  await seconds(2 * hours);
  expect(message?.leaseLost).toBe(true);
  expect(at.counted.lost).toBe(1);
  const latest = at.renewals.map((renewal) => renewal.atMs + renewal.seconds * 1000);
  expect(Math.max(0, ...latest)).toBeLessThan(receivedAtMs + 12 * hours * 1000);
});

test("asks again after a passing fault, and gives the lease up when it has run out", async () => {
  const at = openStage(40);
  const message = receive(at, "first");
  at.refuse("ServiceUnavailable");
  await seconds(31);
  expect(at.renewals).toHaveLength(2);
  expect(at.failed).toEqual(["ServiceUnavailable", "ServiceUnavailable"]);
  expect(message?.leaseLost).toBe(false);

  await seconds(10);
  expect(message?.leaseLost).toBe(true);
  expect(at.counted).toEqual({ renewed: 0, lost: 1 });
});

test("loses no lease of a message that is let go while its renewal is under way", async () => {
  const at = openStage(40);
  const message = receive(at, "first");
  at.refuse("InvalidParameterValue");
  at.meanwhile(() => {
    at.leases.drop(message ? [message] : []);
    receive(at, "second");
  });
  await seconds(21);

  expect(at.counted.lost).toBe(0);
  expect(at.failed).toEqual([]);
  await at.leases.stop();
});

test("a redelivery of a message in hand brings its newer handle, which is renewed from then on", async () => {
  const at = openStage(40);
  const message = receive(at, "first");
  await seconds(15);

  expect(receive(at, "second")).toBeNull();
  expect(at.leases.size).toBe(1);
  await seconds(30);

  expect(message?.receiptHandle).toBe("second");
  expect(at.renewals.map(({ receiptHandle }) => receiptHandle)).toEqual(["second"]);
});

test("a redelivery begins the 12 hours anew", async () => {
  const at = openStage(8 * hours);
  const message = receive(at, "first");
  await seconds(3 * hours);
  receive(at, "second");
  await seconds(11 * hours);

  expect(message?.leaseUntilMs).toBeGreaterThan(performance.now());
  expect(message?.leaseLost).toBe(false);
});

test("a redelivery takes a lost lease up again", async () => {
  const at = openStage(40);
  const message = receive(at, "first");
  at.refuse("ReceiptHandleIsInvalid");
  await seconds(21);
  at.refuse(null);

  receive(at, "second");
  await seconds(30);

  expect(message?.leaseLost).toBe(false);
  expect(at.renewals.map(({ receiptHandle }) => receiptHandle)).toEqual(["first", "second"]);
});

test("an old handle's refusal says nothing about a newer one that came meanwhile", async () => {
  const at = openStage(40);
  const message = receive(at, "first");
  at.refuse("ReceiptHandleIsInvalid");
  at.meanwhile(() => receive(at, "second"));
  await seconds(21);

  expect(at.renewals).toHaveLength(1);
  expect(message?.leaseLost).toBe(false);
  expect(at.counted.lost).toBe(0);
});

test("a message that waits to be acknowledged is a receipt with the newest handle", () => {
  const at = openStage(40);
  const message = receive(at, "first");
  receive(at, "second");

  expect(message).toMatchObject({
    messageId: message?.envelope.messageId,
    receiptHandle: "second",
  });
});
