import { expect, test } from "vitest";
import { createBatchCall, BATCH_CONCURRENCY } from "../src/batch-calls.ts";
import type { BatchAnswer } from "../src/transport.ts";

interface Call {
  readonly handles: string[];
  readonly answer: (failing?: string) => void;
}

/** Calls that end when the test says so, all of whose entries fail by the code given, or none. */
function createCalls(): {
  calls: Call[];
  call: (
    entries: readonly { readonly Id: string; readonly ReceiptHandle: string }[],
  ) => Promise<BatchAnswer>;
} {
  const calls: Call[] = [];
  return {
    calls,
    call: (entries) =>
      new Promise((resolve) => {
        calls.push({
          handles: entries.map(({ ReceiptHandle }) => ReceiptHandle),
          answer: (Code) =>
            resolve(
              Code === undefined
                ? { Successful: entries }
                : {
                    Failed: entries.map(({ Id }) => ({ Id, Code, SenderFault: undefined })),
                  },
            ),
        });
      }),
  };
}

test("sends the handle that a receipt has when its batch is sent, not when it was queued", async () => {
  const { calls, call } = createCalls();
  const receipts = Array.from({ length: 10 * BATCH_CONCURRENCY + 1 }, (_, index) => ({
    messageId: `message ${index}`,
    receiptHandle: "old",
  }));
  const failing = createBatchCall(3)(receipts, call);
  await expect.poll(() => calls.length).toBe(BATCH_CONCURRENCY);

  for (const receipt of receipts) receipt.receiptHandle = "new";
  for (const { answer } of calls) answer();
  await expect.poll(() => calls.length).toBe(BATCH_CONCURRENCY + 1);
  calls.at(-1)?.answer();

  expect(await failing).toEqual([]);
  expect(calls.at(0)?.handles).toContain("old");
  expect(calls.at(-1)?.handles).toEqual(["new"]);
});

test("tries again with the newest handle, and says with which one it failed", async () => {
  const { calls, call } = createCalls();
  const receipt = { messageId: "message", receiptHandle: "old" };
  const failing = createBatchCall(3)([receipt], call);
  await expect.poll(() => calls.length).toBe(1);

  receipt.receiptHandle = "new";
  calls[0]?.answer("InternalError");
  await expect.poll(() => calls.length).toBe(2);
  calls[1]?.answer("ReceiptHandleIsInvalid");

  expect(await failing).toEqual([
    {
      receipt: { messageId: "message", receiptHandle: "new" },
      code: "ReceiptHandleIsInvalid",
      senderFault: true,
    },
  ]);
  expect(calls.map(({ handles }) => handles)).toEqual([["old"], ["new"]]);
});

test("a refused handle that was replaced meanwhile is tried again", async () => {
  const { calls, call } = createCalls();
  const receipt = { messageId: "message", receiptHandle: "old" };
  const failing = createBatchCall(3)([receipt], call);
  await expect.poll(() => calls.length).toBe(1);
  receipt.receiptHandle = "new";
  calls[0]?.answer("ReceiptHandleIsInvalid");
  await expect.poll(() => calls.length).toBe(2);
  calls[1]?.answer();
  expect(await failing).toEqual([]);
});

test("tells of each ten as soon as it is done, and of those that failed at the end", async () => {
  const { calls, call } = createCalls();
  const receipts = Array.from({ length: 11 }, (_, index) => ({
    messageId: `message ${index}`,
    receiptHandle: `handle ${index}`,
  }));
  const done: unknown[] = [];
  const failing = createBatchCall(1)(receipts, call, { onDone: (ten) => done.push(...ten) });
  await expect.poll(() => calls.length).toBe(2);
  calls[1]?.answer();
  await expect.poll(() => done).toEqual([receipts[10]]);
  calls[0]?.answer("InternalError");
  expect(await failing).toHaveLength(10);
  expect(done).toHaveLength(1);
});

test("tries nothing again once it is told to give up", async () => {
  const { calls, call } = createCalls();
  const giveUp = new AbortController();
  const receipt = { messageId: "message", receiptHandle: "handle" };
  const failing = createBatchCall(3)([receipt], call, { giveUp: giveUp.signal });
  await expect.poll(() => calls.length).toBe(1);
  giveUp.abort();
  calls[0]?.answer("InternalError");
  expect(await failing).toMatchObject([{ code: "InternalError" }]);
  expect(calls).toHaveLength(1);
});
