import type { BatchFailure, BatchOptions, Receipt } from "@org/sqs";
import { expect, test } from "vitest";

import { createAck } from "../../src/stages/ack.ts";
import type { Ack } from "../../src/stages/ack.ts";
import type { Held } from "../../src/model.ts";
import { createHelds } from "../held.ts";

interface Stage {
  readonly ack: Ack;
  readonly released: string[];
  /** Message ids whose leases are dropped. */
  readonly dropped: string[];
  readonly counted: { deleted: number; returned: number; failed: string[] };
  readonly giveUp: AbortController;
}

type Delete = (
  receipts: readonly Receipt[],
  options: BatchOptions,
) => Promise<readonly BatchFailure[]>;

function openStage(deleteReceipts: Delete): Stage {
  const released: string[] = [];
  const dropped: string[] = [];
  const counted = { deleted: 0, returned: 0, failed: [] as string[] };
  const giveUp = new AbortController();
  const queue = {
    delete: deleteReceipts,
    async changeVisibility(receipts: readonly Receipt[]): Promise<BatchFailure[]> {
      released.push(...receipts.map(({ receiptHandle }) => receiptHandle));
      return [];
    },
  };
  const leases = {
    drop(messages: Iterable<Pick<Receipt, "messageId">>) {
      for (const { messageId } of messages) dropped.push(messageId);
    },
  };
  const events = {
    deleted: (count: number) => void (counted.deleted += count),
    deleteFailed: (codes: readonly string[]) => void counted.failed.push(...codes),
    returned: (count: number) => void (counted.returned += count),
  };
  const ack = createAck({ queue, leases }, { events, giveUp: giveUp.signal });
  return { ack, released, dropped, counted, giveUp };
}

const idsOf = (messages: readonly Held[]): string[] => messages.map(({ messageId }) => messageId);

test("lets the lease of each message go as soon as it is deleted, whatever becomes of the others", async () => {
  const durable = createHelds(3);
  const hanging = Promise.withResolvers<readonly BatchFailure[]>();
  const at = openStage(async (receipts, { onDone }) => {
    onDone?.(receipts.slice(0, 2));
    return hanging.promise;
  });
  const acking = at.ack.ack({ durable, released: [] });
  expect(at.dropped).toEqual(idsOf(durable).slice(0, 2));
  expect(at.counted.deleted).toBe(2);

  const [, , last] = durable;
  if (!last) throw new Error("no message");
  const { messageId, receiptHandle } = last;
  const receipt = { messageId, receiptHandle };
  hanging.resolve([{ receipt, code: "InternalError", senderFault: false }]);
  await acking;
  expect(at.dropped).toEqual(idsOf(durable));
  expect(at.counted).toMatchObject({ deleted: 2, failed: ["InternalError"] });
});

test("asks for each delete once, by the message itself, whose handle may be replaced meanwhile", async () => {
  const durable = createHelds(2);
  const asked: unknown[] = [];
  const at = openStage(async (receipts, { giveUp }) => {
    asked.push([receipts, giveUp]);
    return [];
  });
  await at.ack.ack({ durable, released: [] });
  expect(asked).toEqual([[durable, at.giveUp.signal]]);
});

test("releases what is not durable, but nothing that others may hold by now", async () => {
  const at = openStage(async () => []);
  const released = createHelds(2);
  if (released[0]) released[0].leaseLost = true;
  await at.ack.ack({ durable: [], released });

  expect(at.released).toEqual(["handle-1"]);
  expect(at.counted.returned).toBe(2);
  expect(at.dropped).toEqual(idsOf(released));
});
