/** What every transport must do, over the wire, on servers that behave. */
import { SendMessageCommand, type SendMessageRequest, SQSClient } from "@aws-sdk/client-sqs";
import { openQueueAdmin, type QueueAdmin } from "@org/local";
import { type HostileQueueServer, startHostileQueueServer } from "@org/faults/hostile-queue-server";
import { afterAll, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { openQueue, type Queue } from "../../src/index.ts";
import {
  canary,
  credentials,
  drain,
  garbage,
  patience,
  receiveAll,
  region,
  type Transport,
} from "./stage.ts";

let names = 0;
const uniqueName = (): string => `contract-${process.pid}-${(names += 1)}`;

/** Declares the suite for one transport: on an emulator, and on our own server without faults. */
export function describeQueue(transport: Transport): void {
  describe.each(["fauxqs", "hostile"] as const)("on a well-behaved server (%s)", (kind) => {
    let server: HostileQueueServer;
    let endpoint: string;
    let admin: QueueAdmin;
    let client: SQSClient;

    beforeAll(async () => {
      server = await startHostileQueueServer();
      endpoint = kind === "hostile" ? server.endpoint : inject("queueEndpoint");
      admin = openQueueAdmin(endpoint);
      client = new SQSClient({ endpoint, region, credentials });
    });

    afterAll(async () => {
      admin.close();
      client.destroy();
      await server.stop();
    });

    const open = (queueUrl: string): Queue =>
      openQueue({ queueUrl, endpoint, region, credentials, transport });

    const send = async (queueUrl: string, body: string, more: Partial<SendMessageRequest> = {}) =>
      client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body, ...more }));

    test("receives what was sent, with what SQS knows about it", async () => {
      const queueUrl = await admin.createQueue(uniqueName());
      await using queue = open(queueUrl);
      const trace = "Root=1-5759e988-bd862e3fe1be46a994272793";
      const { MessageId: messageId } = await send(queueUrl, "grüße ☃", {
        MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: trace } },
      });

      const before = performance.now();
      const { envelopes, damaged } = await queue.receive(receiveAll);

      expect(damaged).toEqual([]);
      expect(envelopes).toEqual([
        {
          messageId,
          receiptHandle: expect.any(String),
          body: "grüße ☃",
          bytes: 11,
          sentAtMs: expect.any(Number),
          receiveCount: 1,
          groupId: null,
          // fauxqs drops it.
          traceHeader: kind === "hostile" ? trace : null,
          attributeNames: [],
          receivedAtMs: expect.any(Number),
        },
      ]);
      expect(envelopes[0]?.receivedAtMs).toBeGreaterThanOrEqual(before);
    });

    test("names the extended client's attributes, and keeps neither others nor values", async () => {
      const queueUrl = await admin.createQueue(uniqueName());
      await using queue = open(queueUrl);
      await send(queueUrl, "pointer", {
        MessageAttributes: {
          ExtendedPayloadSize: { DataType: "Number", StringValue: "300000" },
          other: { DataType: "String", StringValue: canary },
        },
      });

      const { envelopes } = await queue.receive(receiveAll);

      expect(envelopes[0]?.attributeNames).toEqual(["ExtendedPayloadSize"]);
      expect(JSON.stringify(envelopes)).not.toContain(canary);
    });

    test("waits for a message that comes during the poll", async () => {
      const queueUrl = await admin.createQueue(uniqueName());
      await using queue = open(queueUrl);

      const polling = queue.receive({ maxMessages: 10, waitSeconds: 20 });
      await send(queueUrl, "late");

      expect((await polling).envelopes.map(({ body }) => body)).toEqual(["late"]);
    });

    test("brings nothing from an empty queue", async () => {
      await using queue = open(await admin.createQueue(uniqueName()));
      expect(await queue.receive(receiveAll)).toEqual({ envelopes: [], damaged: [] });
    });

    test("redelivers what was released: same id and date, new handle, higher count", async () => {
      const queueUrl = await admin.createQueue(uniqueName());
      await using queue = open(queueUrl);
      await send(queueUrl, "again");
      const first = await queue.receive(receiveAll);

      expect(await queue.changeVisibility(first.envelopes, 0)).toEqual([]);
      const second = await queue.receive(receiveAll);

      const [once, twice] = [first.envelopes[0], second.envelopes[0]];
      expect(twice).toMatchObject({
        messageId: once?.messageId,
        sentAtMs: once?.sentAtMs,
        receiveCount: 2,
      });
      expect(twice?.receiptHandle).not.toBe(once?.receiptHandle);
    });

    test("keeps a renewed message hidden while another's lease expires", async () => {
      const queueUrl = await admin.createQueue(uniqueName(), { VisibilityTimeout: "2" });
      await using queue = open(queueUrl);
      await admin.send(queueUrl, ["kept", "expired"]);
      const { envelopes } = await drain(queue, 2);
      const kept = envelopes.filter(({ body }) => body === "kept");

      expect(await queue.changeVisibility(kept, 600)).toEqual([]);

      expect((await drain(queue, 1)).envelopes.map(({ body }) => body)).toEqual(["expired"]);
    });

    test("deletes any number of messages", async () => {
      const queueUrl = await admin.createQueue(uniqueName());
      await using queue = open(queueUrl);
      await admin.send(
        queueUrl,
        Array.from({ length: 25 }, (_, index) => `body ${index}`),
      );
      const { envelopes } = await drain(queue, 25);

      expect(await queue.delete(envelopes)).toEqual([]);

      expect(await admin.depth(queueUrl)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
      expect(await queue.delete([])).toEqual([]);
    });

    test("deletes what is deleted already", async () => {
      const queueUrl = await admin.createQueue(uniqueName());
      await using queue = open(queueUrl);
      await send(queueUrl, "once");
      const { envelopes } = await queue.receive(receiveAll);

      expect(await queue.delete([...envelopes, ...envelopes])).toEqual([]);
      expect(await queue.delete(envelopes)).toEqual([]);
    });

    test("names no group on a standard queue: that of a fair queue is no order to keep", async () => {
      const queueUrl = await admin.createQueue(uniqueName());
      await using queue = open(queueUrl);
      await send(queueUrl, "fair", { MessageGroupId: "tenant" });
      const { envelopes } = await queue.receive(receiveAll);
      expect(envelopes.map(({ groupId }) => groupId)).toEqual([null]);
    });

    test("brings a FIFO group in order, and its next message once the first is settled", async () => {
      const queueUrl = await admin.createQueue(`${uniqueName()}.fifo`, { FifoQueue: "true" });
      await using queue = open(queueUrl);
      for (const [group, body] of ["a1", "a2", "b1", "a3"].map((id) => [id.charAt(0), id])) {
        await send(queueUrl, body ?? "", { MessageGroupId: group, MessageDeduplicationId: body });
      }

      const bodies: string[] = [];
      await vi.waitUntil(async () => {
        const { envelopes } = await queue.receive(receiveAll);
        for (const { groupId, body } of envelopes) expect(body.charAt(0)).toBe(groupId);
        bodies.push(...envelopes.map(({ body }) => body));
        expect(await queue.delete(envelopes)).toEqual([]);
        return bodies.length === 4;
      }, patience);

      expect(bodies.filter((body) => body.startsWith("a"))).toEqual(["a1", "a2", "a3"]);
    });

    test("reads how the queue and its dead-letter queue are configured", async () => {
      const fifo = { FifoQueue: "true" };
      const name = uniqueName();
      await admin.createQueue(`${name}-dead.fifo`, { ...fifo, MessageRetentionPeriod: "1209600" });
      const queueUrl = await admin.createQueue(`${name}.fifo`, {
        ...fifo,
        VisibilityTimeout: "45",
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: `arn:aws:sqs:${region}:000000000000:${name}-dead.fifo`,
          maxReceiveCount: 10,
        }),
      });
      await using queue = open(queueUrl);
      await send(queueUrl, "one", { MessageGroupId: "g", MessageDeduplicationId: "1" });
      await send(queueUrl, "two", { MessageGroupId: "h", MessageDeduplicationId: "2" });
      await queue.receive({ maxMessages: 1, waitSeconds: 0 });

      expect(await queue.attributes()).toEqual({
        arn: `arn:aws:sqs:${region}:000000000000:${name}.fifo`,
        fifo: true,
        visibilityTimeoutSeconds: 45,
        retentionSeconds: 345_600,
        redrive: {
          deadLetterTargetArn: `arn:aws:sqs:${region}:000000000000:${name}-dead.fifo`,
          maxReceiveCount: 10,
          deadLetterRetentionSeconds: 1_209_600,
          deadLetterMessages: 0,
        },
        depth: { visible: 1, inFlight: 1, delayed: 0 },
      });
    });

    test("knows a queue that has no dead-letter queue", async () => {
      await using queue = open(await admin.createQueue(uniqueName()));
      expect((await queue.attributes()).redrive).toBeNull();
    });

    test("finds a message in the dead-letter queue under its own id", async () => {
      const { queueUrl, deadLetterUrl } = await admin.createQueueWithDeadLetters(uniqueName(), {
        maxReceiveCount: 2,
      });
      await using queue = open(queueUrl);
      await using deadLetters = open(deadLetterUrl);
      const { MessageId: messageId } = await send(queueUrl, "poison");

      await vi.waitUntil(async () => {
        const { envelopes } = await queue.receive(receiveAll);
        await queue.changeVisibility(envelopes, 0);
        return (await admin.depth(deadLetterUrl)).visible === 1;
      }, patience);
      expect((await queue.attributes()).redrive?.deadLetterMessages).toBe(1);

      const { envelopes } = await deadLetters.receive(receiveAll);
      expect(envelopes.map((envelope) => envelope.messageId)).toEqual([messageId]);
    });

    test("says that the queue does not exist, by one code in every call", async () => {
      await using queue = open(`${endpoint}/000000000000/${uniqueName()}`);
      const missing = { code: "QueueDoesNotExist", retryable: false };

      await expect(queue.receive(receiveAll)).rejects.toMatchObject(missing);
      await expect(queue.attributes()).rejects.toMatchObject(missing);
      expect(await queue.delete([garbage])).toEqual([
        { receipt: garbage, code: "QueueDoesNotExist", senderFault: true },
      ]);
    });

    test("ends a poll when it is aborted, for whatever reason", async () => {
      await using queue = open(await admin.createQueue(uniqueName()));
      const poll = async (signal: AbortSignal): Promise<unknown> =>
        queue.receive({ maxMessages: 10, waitSeconds: 20, signal });
      const stop = new AbortController();
      const polling = poll(stop.signal).catch((error: unknown) => error);

      stop.abort();

      expect(await polling).toMatchObject({ code: "aborted", retryable: false });
      await expect(poll(AbortSignal.abort(new Error(canary)))).rejects.toMatchObject({
        code: "aborted",
        message: "SQS call failed: aborted",
      });
    });

    test("makes no call once it is closed", async () => {
      const queue = open(await admin.createQueue(uniqueName()));
      await queue.receive(receiveAll);
      await queue[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();

      const closed = { code: "closed", retryable: false };
      await expect(queue.receive(receiveAll)).rejects.toMatchObject(closed);
      await expect(queue.attributes()).rejects.toMatchObject(closed);
      expect(await queue.delete([garbage])).toEqual([
        { receipt: garbage, code: "closed", senderFault: true },
      ]);
    });
  });
}
