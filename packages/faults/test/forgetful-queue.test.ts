import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { openQueueAdmin, type QueueAdmin } from "@org/local";
import { afterAll, beforeAll, expect, inject, it, vi } from "vitest";
import { type ForgetfulQueue, startForgetfulQueue } from "../src/forgetful-queue.ts";

let queue: ForgetfulQueue;
let admin: QueueAdmin;
let client: SQSClient;

beforeAll(async () => {
  queue = await startForgetfulQueue(inject("queueEndpoint"), { batches: 1 });
  admin = openQueueAdmin(queue.endpoint);
  client = new SQSClient({
    endpoint: queue.endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
});

afterAll(async () => {
  client.destroy();
  admin.close();
  await queue[Symbol.asyncDispose]();
});

async function receiveAll(queueUrl: string): Promise<Message[]> {
  const { Messages: messages = [] } = await client.send(
    new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
  );
  return messages;
}

async function deleteAll(queueUrl: string, messages: readonly Message[]): Promise<number> {
  const entries = messages.map(({ MessageId: id, ReceiptHandle: handle }) => ({
    Id: id,
    ReceiptHandle: handle,
  }));
  const { Successful: deleted = [] } = await client.send(
    new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries }),
  );
  return deleted.length;
}

it("confirms the first batch of deletes, delivers it again, and honours the next", async () => {
  const queueUrl = await admin.createQueue("forgetful", { VisibilityTimeout: "1" });
  const sent = await admin.send(queueUrl, ["one", "two", "three"]);

  expect(await deleteAll(queueUrl, await receiveAll(queueUrl))).toBe(3);
  // The server looks for expired leases only when somebody receives.
  const again: Message[] = [];
  await vi.waitUntil(async () => again.push(...(await receiveAll(queueUrl))) === sent.length, {
    timeout: 30_000,
  });

  expect(new Set(again.map(({ MessageId: id }) => id))).toEqual(new Set(sent));
  expect(await deleteAll(queueUrl, again)).toBe(3);
  expect(await admin.depth(queueUrl)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
});
