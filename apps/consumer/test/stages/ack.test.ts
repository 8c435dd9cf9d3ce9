import type { BatchFailure, Receipt } from "@org/sqs";
import { expect, test, vi } from "vitest";

import { createAck } from "../../src/stages/ack.ts";
import type { Ack } from "../../src/stages/ack.ts";
import type { Held } from "../../src/model.ts";
import { createHelds } from "../held.ts";

vi.mock(import("../../src/backoff.ts"), async (importOriginal) => ({
  ...(await importOriginal()),
  pause: async () => {},
}));

type Failing = Pick<BatchFailure, "code" | "senderFault">;
const passing: Failing = { code: "InternalError", senderFault: false };
const final: Failing = { code: "ReceiptHandleIsInvalid", senderFault: true };

interface Stage {
  readonly ack: Ack;
  /** The handles of each delete so far. */
  readonly deletes: string[][];
  readonly released: string[];
  /** Message ids whose leases are dropped. */
  readonly dropped: string[];
  readonly counted: { deleted: number; returned: number; failed: string[] };
}

/** @param answer - Whether and how the delete of this handle fails; `call` counts from 1. */
function openStage(
  answer: (handle: string, call: number) => Failing | null | Promise<Failing | null>,
): Stage {
  const deletes: string[][] = [];
  const released: string[] = [];
  const dropped: string[] = [];
  const counted = { deleted: 0, returned: 0, failed: [] as string[] };
  const queue = {
    async delete(receipts: readonly Receipt[]): Promise<BatchFailure[]> {
      const sent = receipts.map((receipt) => ({ ...receipt }));
      const call = deletes.push(sent.map(({ receiptHandle }) => receiptHandle));
      const answers = sent.map(async (receipt) => {
        const failing = await answer(receipt.receiptHandle, call);
        return failing ? [{ receipt, ...failing }] : [];
      });
      return (await Promise.all(answers)).flat();
    },
    async changeVisibility(receipts: readonly Receipt[]): Promise<BatchFailure[]> {
      released.push(...receipts.map(({ receiptHandle }) => receiptHandle));
      return [];
    },
  };
  const leases = {
    size: 0,
    hold: () => null,
    inHand: () => [],
    stop: async () => {},
    drop(messages: Iterable<Held>) {
      for (const { envelope } of messages) dropped.push(envelope.messageId);
    },
  };
  const events = {
    deleted: (count: number) => void (counted.deleted += count),
    deleteFailed: (codes: readonly string[]) => void counted.failed.push(...codes),
    returned: (count: number) => void (counted.returned += count),
  };
  const giveUp = new AbortController().signal;
  const ack = createAck({ queue, leases }, { events, giveUp });
  return { ack, deletes, released, dropped, counted };
}

const idsOf = (messages: readonly Held[]): string[] =>
  messages.map(({ envelope }) => envelope.messageId);

test("tries only those deletes again that failed, and counts each message once", async () => {
  const at = openStage((handle, call) => (handle === "handle-1" && call < 3 ? passing : null));
  const settled = createHelds(3);
  await at.ack.ack({ settled, returned: [] });

  expect(at.deletes).toEqual([["handle-0", "handle-1", "handle-2"], ["handle-1"], ["handle-1"]]);
  expect(at.counted).toMatchObject({ deleted: 3, failed: [] });
  expect(at.dropped.toSorted()).toEqual(idsOf(settled));
});

test("gives deletes up at the fourth attempt, counts them by code and lets their leases go", async () => {
  const at = openStage((handle) => (handle === "handle-1" ? passing : null));
  const settled = createHelds(2);
  await at.ack.ack({ settled, returned: [] });

  expect(at.deletes).toHaveLength(4);
  expect(at.counted).toMatchObject({ deleted: 1, failed: ["InternalError"] });
  expect(at.dropped.toSorted()).toEqual(idsOf(settled));
});

test("lets the lease of each message go once its delete succeeded, whatever becomes of the others", async () => {
  const settled = createHelds(25);
  const hanging = Promise.withResolvers<null>();
  const droppedAtRetry: string[][] = [];
  const at = openStage((handle) => {
    if (handle === "handle-12") return hanging.promise;
    if (handle !== "handle-1") return null;
    droppedAtRetry.push(at.dropped.slice());
    return droppedAtRetry.length === 1 ? passing : null;
  });
  const acking = at.ack.ack({ settled, returned: [] });
  const others = [...settled.slice(0, 10), ...settled.slice(20)];
  await expect.poll(() => at.dropped.toSorted()).toEqual(idsOf(others));

  expect(droppedAtRetry[1]).toContain(settled[0]?.envelope.messageId);
  hanging.resolve(null);
  await acking;
  expect(at.dropped.toSorted()).toEqual(idsOf(settled));
  expect(at.counted.deleted).toBe(25);
});

test("does not repeat a delete that would fail again", async () => {
  const at = openStage((handle) => (handle === "handle-0" ? final : null));
  await at.ack.ack({ settled: createHelds(2), returned: [] });

  expect(at.deletes).toHaveLength(1);
  expect(at.counted).toMatchObject({ deleted: 1, failed: ["ReceiptHandleIsInvalid"] });
});

test("repeats it with a handle that came meanwhile", async () => {
  const [message] = createHelds(1);
  if (!message) throw new Error("no message");
  const at = openStage((handle) => {
    if (handle === "newer") return null;
    message.receiptHandle = "newer";
    return final;
  });
  await at.ack.ack({ settled: [message], returned: [] });

  expect(at.deletes).toEqual([["handle-0"], ["newer"]]);
  expect(at.counted).toMatchObject({ deleted: 1, failed: [] });
});

test("gives back what is not settled, but nothing that others may hold by now", async () => {
  const at = openStage(() => null);
  const returned = createHelds(2);
  if (returned[0]) returned[0].leaseLost = true;
  await at.ack.ack({ settled: [], returned });

  expect(at.released).toEqual(["handle-1"]);
  expect(at.counted.returned).toBe(2);
  expect(at.dropped).toEqual(idsOf(returned));
});
