import { expect, test } from "vitest";
import { createSettle, SETTLE_CONCURRENCY } from "../src/settle.ts";
import type { BatchAnswer } from "../src/transport.ts";

interface Call {
  readonly handles: string[];
  answer(failing?: string): void;
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
  const receipts = Array.from({ length: 10 * SETTLE_CONCURRENCY + 1 }, (_, index) => ({
    messageId: `message ${index}`,
    receiptHandle: "old",
  }));
  const settling = createSettle()(receipts, call);
  await expect.poll(() => calls.length).toBe(SETTLE_CONCURRENCY);

  for (const receipt of receipts) receipt.receiptHandle = "new";
  for (const { answer } of calls) answer();
  await expect.poll(() => calls.length).toBe(SETTLE_CONCURRENCY + 1);
  calls.at(-1)?.answer();

  expect(await settling).toEqual([]);
  expect(calls.at(0)?.handles).toContain("old");
  expect(calls.at(-1)?.handles).toEqual(["new"]);
});

test("tries again with the newest handle, and says with which one it failed", async () => {
  const { calls, call } = createCalls();
  const receipt = { messageId: "message", receiptHandle: "old" };
  const settling = createSettle()([receipt], call);
  await expect.poll(() => calls.length).toBe(1);

  receipt.receiptHandle = "new";
  calls[0]?.answer("InternalError");
  await expect.poll(() => calls.length).toBe(2);
  receipt.receiptHandle = "newest";
  calls[1]?.answer("ReceiptHandleIsInvalid");

  expect(await settling).toEqual([
    {
      receipt: { messageId: "message", receiptHandle: "new" },
      code: "ReceiptHandleIsInvalid",
      senderFault: true,
    },
  ]);
  expect(calls.map(({ handles }) => handles)).toEqual([["old"], ["new"]]);
});
