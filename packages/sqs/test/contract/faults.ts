/** What every transport must do when SQS, or the way to it, misbehaves. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import type { Fault } from "@org/faults/hostile-queue-server";
import { expect, test, vi } from "vitest";
import { BATCH_CONCURRENCY } from "../../src/batch-calls.ts";
import { type Envelope, openQueue, type Receipt } from "../../src/index.ts";
import {
  canary,
  credentials,
  drain,
  garbage,
  impatience,
  openStage,
  patience,
  receiveAll,
  type Transport,
} from "./stage.ts";

/** Declares the suite for one transport. */
export function describeFaults(transport: Transport): void {
  const refusals: readonly [Fault, { code: string; retryable: boolean }][] = [
    [error("RequestThrottled", 403), { code: "RequestThrottled", retryable: true }],
    [error("ThrottlingException", 400), { code: "RequestThrottled", retryable: true }],
    [error("KmsThrottled", 400), { code: "KmsThrottled", retryable: true }],
    [error("OverLimit", 403), { code: "OverLimit", retryable: true }],
    [error("AccessDeniedException", 403), { code: "AccessDenied", retryable: false }],
    [error("KmsAccessDenied", 400), { code: "KmsAccessDenied", retryable: false }],
    [error("InvalidSignatureException", 403), { code: "SignatureDoesNotMatch", retryable: false }],
    [error("ExpiredTokenException", 403), { code: "ExpiredToken", retryable: true }],
    [error("UnrecognizedClientException", 403), { code: "InvalidClientTokenId", retryable: false }],
    [
      error("AWS.SimpleQueueService.NonExistentQueue", 400),
      { code: "QueueDoesNotExist", retryable: false },
    ],
    [error("InternalFailure", 500), { code: "InternalError", retryable: true }],
    [error("SomethingNew", 400), { code: "unknown", retryable: true }],
    [
      { kind: "page", status: 403 },
      { code: "AccessDenied", retryable: false },
    ],
    [
      { kind: "page", status: 429 },
      { code: "RequestThrottled", retryable: true },
    ],
    [
      { kind: "page", status: 503 },
      { code: "ServiceUnavailable", retryable: true },
    ],
    [
      { kind: "page", status: 200 },
      { code: "malformed_response", retryable: true },
    ],
    [{ kind: "dropped" }, { code: "network", retryable: true }],
  ];

  test.each(refusals)(
    "a refused receive is one attempt and one code: %o -> %o",
    async (fault, failure) => {
      await using at = await openStage(transport, 1);
      at.server.inject("ReceiveMessage", fault);

      await expect(at.queue.receive(receiveAll)).rejects.toMatchObject(failure);

      expect(at.asked("ReceiveMessage")).toHaveLength(1);
      expect((await at.queue.receive(receiveAll)).envelopes).toHaveLength(1);
    },
  );

  test.each(refusals.filter(([, { retryable }]) => retryable))(
    "a delete survives a passing fault: %o",
    async (fault) => {
      await using at = await openStage(transport, 3);
      const { envelopes } = await at.queue.receive(receiveAll);
      at.server.inject("DeleteMessageBatch", fault, fault);

      expect(await at.queue.delete(envelopes)).toEqual([]);

      expect(at.asked("DeleteMessageBatch")).toHaveLength(3);
      expect(await at.admin.depth(at.queueUrl)).toMatchObject({ visible: 0, inFlight: 0 });
    },
  );

  test("a delete that stays refused fails for each of its entries, and throws nothing", async () => {
    await using at = await openStage(transport, 2);
    const { envelopes } = await at.queue.receive(receiveAll);
    at.server.inject("DeleteMessageBatch", error("AccessDeniedException", 403));

    expect(await at.queue.delete(envelopes)).toEqual(
      envelopes.map((envelope) => ({
        receipt: receiptOf(envelope),
        code: "AccessDenied",
        senderFault: true,
      })),
    );
    expect(at.asked("DeleteMessageBatch")).toHaveLength(1);

    const overload = error("ServiceUnavailable", 503);
    at.server.inject("DeleteMessageBatch", ...Array.from({ length: 5 }, () => overload));
    expect(await at.queue.delete(envelopes)).toEqual(
      envelopes.map((envelope) => ({
        receipt: receiptOf(envelope),
        code: "ServiceUnavailable",
        senderFault: false,
      })),
    );
    expect(at.asked("DeleteMessageBatch")).toHaveLength(6);
  });

  test("of a batch that failed in part, repeats only what may yet succeed", async () => {
    await using at = await openStage(transport, 10);
    const { envelopes } = await at.queue.receive(receiveAll);
    at.server.inject(
      "DeleteMessageBatch",
      partial([2, 5, 7], "InternalError", false),
      partial([1], "AWS.SimpleQueueService.ReceiptHandleIsInvalid", true),
    );

    expect(await at.queue.delete(envelopes)).toEqual([
      { receipt: receiptOf(envelopes[5]), code: "ReceiptHandleIsInvalid", senderFault: true },
    ]);

    const sizes = at.asked("DeleteMessageBatch").map(({ body }) => entriesOf(body).length);
    expect(sizes).toEqual([10, 3]);
    expect(await at.admin.depth(at.queueUrl)).toMatchObject({ visible: 0, inFlight: 1 });
  });

  test("numbers the entries of each batch of ten by position", async () => {
    await using at = await openStage(transport, 23);
    const { envelopes } = await drain(at.queue, 23);

    expect(await at.queue.changeVisibility(envelopes, 60)).toEqual([]);

    const batches = at
      .asked("ChangeMessageVisibilityBatch")
      .map(({ body }) => entriesOf(body).map(({ Id }) => Id));
    const positions = Array.from({ length: 10 }, (_, position) => String(position));
    expect(batches.toSorted((a, b) => b.length - a.length)).toEqual([
      positions,
      positions,
      positions.slice(0, 3),
    ]);
  });

  test("an entry that the answer does not mention has failed", async () => {
    await using at = await openStage(transport, 2);
    const { envelopes } = await at.queue.receive(receiveAll);
    const unanswered: Fault = { kind: "unanswered", positions: [0] };
    at.server.inject(
      "DeleteMessageBatch",
      { kind: "unanswered", positions: [1] },
      ...Array.from({ length: 4 }, () => unanswered),
    );

    expect(await at.queue.delete(envelopes)).toEqual([
      { receipt: receiptOf(envelopes[1]), code: "unanswered", senderFault: false },
    ]);
  });

  test("a delete whose answer was lost is repeated, and is done", async () => {
    await using at = await openStage(transport, 2);
    const { envelopes } = await at.queue.receive(receiveAll);
    at.server.inject("DeleteMessageBatch", { kind: "lost_reply" }, { kind: "truncated", bytes: 9 });

    expect(await at.queue.delete(envelopes)).toEqual([]);
    expect(await at.admin.depth(at.queueUrl)).toMatchObject({ visible: 0, inFlight: 0 });
  });

  test("a receive that is never answered ends, and costs one attempt", async () => {
    await using at = await openStage(transport, 1, { timeouts: impatience });
    at.server.inject("ReceiveMessage", { kind: "silent" });

    await expect(at.queue.receive(receiveAll)).rejects.toMatchObject({
      code: "timeout",
      retryable: true,
    });

    expect(at.asked("ReceiveMessage")).toHaveLength(1);
    expect((await at.queue.receive(receiveAll)).envelopes).toHaveLength(1);
  });

  test("a delete that is not answered, or not to the end, is repeated", async () => {
    await using at = await openStage(transport, 3, { timeouts: impatience });
    const { envelopes } = await at.queue.receive(receiveAll);
    at.server.inject("DeleteMessageBatch", { kind: "silent" }, { kind: "stalled", bytes: 9 });

    expect(await at.queue.delete(envelopes)).toEqual([]);

    expect(at.asked("DeleteMessageBatch")).toHaveLength(3);
    expect(await at.admin.depth(at.queueUrl)).toMatchObject({ visible: 0, inFlight: 0 });
  });

  test("a deleted message may come again, under its own id", async () => {
    await using at = await openStage(transport, 1);
    const first = await at.queue.receive(receiveAll);
    at.server.inject("DeleteMessageBatch", { kind: "undeleted" });
    expect(await at.queue.delete(first.envelopes)).toEqual([]);

    const second = await at.queue.receive(receiveAll);

    expect(second.envelopes[0]?.messageId).toBe(first.envelopes[0]?.messageId);
    expect(await at.queue.delete(second.envelopes)).toEqual([]);
  });

  test("one message may come twice at once, with a handle each", async () => {
    await using at = await openStage(transport, 1);
    at.server.inject("ReceiveMessage", { kind: "doubled" });
    const first = await at.queue.receive(receiveAll);
    const second = await at.queue.receive(receiveAll);

    expect(second.envelopes[0]?.messageId).toBe(first.envelopes[0]?.messageId);
    expect(second.envelopes[0]?.receiptHandle).not.toBe(first.envelopes[0]?.receiptHandle);
  });

  test("a damaged body is counted and left alone; its neighbours are received", async () => {
    await using at = await openStage(transport, 4);
    at.server.inject("ReceiveMessage", { kind: "damaged", positions: [1, 2] });

    const { envelopes, damaged } = await at.queue.receive(receiveAll);

    expect(damaged).toEqual(["md5_wrong", "md5_wrong"]);
    expect(envelopes).toHaveLength(2);
    expect(await at.queue.delete(envelopes)).toEqual([]);
    expect(await at.admin.depth(at.queueUrl)).toMatchObject({ visible: 0, inFlight: 2 });
  });

  test("a truncated receive fails without quoting what had arrived", async () => {
    await using at = await openStage(transport, 1);
    at.server.inject("ReceiveMessage", { kind: "truncated", bytes: 100 });

    const failure: unknown = await at.queue.receive(receiveAll).catch((error: unknown) => error);

    expect(failure).toMatchObject({ code: "network", retryable: true });
    expect(inspect(failure, { depth: null, showHidden: true })).not.toContain(canary);
    expect(at.asked("ReceiveMessage")).toHaveLength(1);
  });

  test("asks for a message's attributes by today's name and by the former one", async () => {
    await using at = await openStage(transport, 0);
    await at.queue.receive(receiveAll);
    const [asked] = at.asked("ReceiveMessage");
    const { MessageSystemAttributeNames, AttributeNames } = JSON.parse(asked?.body ?? "") as Record<
      string,
      unknown
    >;
    expect(MessageSystemAttributeNames).toContain("SentTimestamp");
    expect(AttributeNames).toEqual(MessageSystemAttributeNames);
  });

  test("a message that says it is older than the queue can keep it is damaged", async () => {
    await using at = await openStage(transport, 1);
    await sleep(1_100);
    const { damaged } = await at.queue.receive({ ...receiveAll, maxAgeMs: 1 });
    expect(damaged).toEqual(["date_impossible"]);
  });

  test("an answer without an end is cut off, whatever was asked", async () => {
    await using endless = await startEndlessServer();
    await using queue = openQueue({ queueUrl: `${endless.origin}/1/q`, credentials, transport });
    const failure = { code: "answer_too_large", retryable: true };
    await expect(queue.receive(receiveAll)).rejects.toMatchObject(failure);
    await expect(queue.attributes()).rejects.toMatchObject(failure);
  });

  test("acknowledges while every poll is hanging", async () => {
    await using at = await openStage(transport, 1);
    const { envelopes } = await at.queue.receive(receiveAll);
    const polls = Array.from({ length: 60 }, async () =>
      at.queue.receive({ maxMessages: 10, waitSeconds: 20 }).catch(() => null),
    );
    await vi.waitUntil(() => at.asked("ReceiveMessage").length === 61, patience);

    expect(await at.queue.delete(envelopes)).toEqual([]);

    await at.server.stop();
    await Promise.all(polls);
  });

  test("renews while more deletes are hanging than go at once", async () => {
    const forEver = { pollMarginMs: 600_000, callMs: 600_000 };
    await using at = await openStage(transport, 1, { timeouts: forEver });
    const { envelopes } = await at.queue.receive(receiveAll);
    const batches = 2 * BATCH_CONCURRENCY;
    const deletes = Array.from({ length: batches }, (): Fault => ({ kind: "silent" }));
    at.server.inject("DeleteMessageBatch", ...deletes);
    const deleting = at.queue.delete(Array.from({ length: 10 * batches }, () => garbage));
    const areAllSent = () => at.asked("DeleteMessageBatch").length === BATCH_CONCURRENCY;
    await vi.waitUntil(areAllSent, patience);

    expect(await at.queue.changeVisibility(envelopes, 60)).toEqual([]);

    await at.queue[Symbol.asyncDispose]();
    expect(await deleting).toHaveLength(10 * batches);
  });

  test("closing ends what is under way, and stops repeating it", async () => {
    await using at = await openStage(transport, 1);
    const { envelopes } = await at.queue.receive(receiveAll);
    at.server.inject("DeleteMessageBatch", { kind: "silent" });
    const polling = at.queue
      .receive({ maxMessages: 10, waitSeconds: 20 })
      .catch((error: unknown) => error);
    const deleting = at.queue.delete(envelopes);
    await vi.waitUntil(() => at.asked("DeleteMessageBatch").length === 1, patience);
    await vi.waitUntil(() => at.asked("ReceiveMessage").length === 2, patience);

    await at.queue[Symbol.asyncDispose]();

    expect(await polling).toMatchObject({ code: "closed", retryable: false });
    expect(await deleting).toEqual([
      { receipt: receiptOf(envelopes[0]), code: "closed", senderFault: true },
    ]);
  });

  test("learns the server's time from a refusal, and is accepted from then on", async () => {
    await using at = await openStage(transport, 1);
    await at.queue.receive(receiveAll);
    at.server.clockOffsetMs = -86_400_000;

    await expect(at.queue.receive(receiveAll)).rejects.toMatchObject({
      code: "RequestTimeTooSkewed",
      retryable: true,
    });
    await expect(at.queue.receive(receiveAll)).resolves.toMatchObject({ damaged: [] });
  });

  test("says which handles can no longer be renewed or deleted", async () => {
    await using at = await openStage(transport, 1, { leaseLimitSeconds: 100 });
    const { envelopes } = await at.queue.receive(receiveAll);

    expect(await at.queue.changeVisibility([garbage, ...envelopes], 101)).toEqual([
      { receipt: garbage, code: "ReceiptHandleIsInvalid", senderFault: true },
      { receipt: receiptOf(envelopes[0]), code: "InvalidParameterValue", senderFault: true },
    ]);
    expect(at.asked("ChangeMessageVisibilityBatch")).toHaveLength(1);
  });

  test("sends the session token, and changes credentials as soon as the provider does", async () => {
    await using at = await openStage(transport, 0);
    let current = { ...credentials, sessionToken: "first", expiration: new Date(0) };
    await using queue = openQueue({
      queueUrl: at.queueUrl,
      transport,
      credentials: async () => current,
    });

    await queue.receive(receiveAll);
    current = { ...current, accessKeyId: "second", sessionToken: "second" };
    await queue.receive(receiveAll);
    await queue.delete([garbage]);

    const calls = [...at.asked("ReceiveMessage"), ...at.asked("DeleteMessageBatch")];
    expect(calls.map(({ headers }) => headers["x-amz-security-token"])).toEqual([
      "first",
      "second",
      "second",
    ]);
    expect(calls.map(({ headers }) => headers["authorization"])).toEqual([
      expect.stringContaining("Credential=local/"),
      expect.stringContaining("Credential=second/"),
      expect.stringContaining("Credential=second/"),
    ]);
  });

  test("reads its attributes where it may not read the dead-letter queue", async () => {
    await using at = await openStage(transport, 0);
    at.server.inject("GetQueueUrl", error("AccessDeniedException", 403));

    const { redrive } = await at.queue.attributes();

    expect(redrive).toMatchObject({
      maxReceiveCount: 50,
      deadLetterRetentionSeconds: null,
      deadLetterMessages: null,
    });
  });

  test("asks once where the dead-letter queue is: each further reading of attributes is two requests", async () => {
    await using at = await openStage(transport, 0);
    for (let reading = 0; reading < 3; reading += 1) await at.queue.attributes();
    const { deadLetterRetentionSeconds } = (await at.queue.attributes()).redrive ?? {};
    expect(deadLetterRetentionSeconds).not.toBeNull();
    expect(at.asked("GetQueueUrl")).toHaveLength(1);
    expect(at.asked("GetQueueAttributes")).toHaveLength(8);
  });

  test("says that it has no credentials", async () => {
    await using at = await openStage(transport, 0);
    const none = Object.assign(new Error(canary), { name: "CredentialsProviderError" });
    await using queue = openQueue({
      queueUrl: at.queueUrl,
      transport,
      credentials: () => Promise.reject(none),
    });

    await expect(queue.receive(receiveAll)).rejects.toMatchObject({
      code: "credentials_unavailable",
      retryable: true,
      message: "SQS call failed: credentials_unavailable",
    });
  });

  test("says that nobody listens", async () => {
    await using at = await openStage(transport, 0);
    await at.server.stop();
    await expect(at.queue.receive(receiveAll)).rejects.toMatchObject({
      code: "network",
      systemCode: "ECONNREFUSED",
      retryable: true,
    });
  });
}

function error(code: string, status: number): Fault {
  return { kind: "error", code, status };
}

function entriesOf(body: string): { readonly Id: string }[] {
  return (JSON.parse(body) as { readonly Entries: { readonly Id: string }[] }).Entries;
}

function partial(positions: number[], code: string, senderFault: boolean): Fault {
  return { kind: "partial", positions, code, senderFault };
}

/** Answers every request with a string that never ends. */
async function startEndlessServer(): Promise<AsyncDisposable & { readonly origin: string }> {
  const chunk = "x".repeat(1024 * 1024);
  const server = createServer((_request, response) => {
    const send = (): void => {
      if (!response.destroyed) response.write(chunk, () => setImmediate(send));
    };
    response.write('{"Messages":["');
    send();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A failure names a message, and carries nothing else of it. */
function receiptOf(envelope: Envelope | undefined): Receipt {
  return {
    messageId: envelope?.messageId ?? "",
    receiptHandle: envelope?.receiptHandle ?? "",
  };
}
