import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { expect, inject, it } from "vitest";
import { openQueueAdmin } from "../src/queue-admin.ts";
import { startQueueServer } from "../src/queue-server.ts";

it("serves queues with a redrive policy, on loopback", async () => {
  const admin = openQueueAdmin(inject("queueEndpoint"));
  const { queueUrl, deadLetterUrl } = await admin.createQueueWithDeadLetters("served", {
    maxReceiveCount: 3,
  });
  const bodies = Array.from({ length: 23 }, (_, index) => `body ${index}`);

  const messageIds = await admin.send(queueUrl, bodies);

  expect(new Set(messageIds).size).toBe(23);
  expect(await admin.depth(queueUrl)).toEqual({ visible: 23, inFlight: 0, delayed: 0 });
  expect(await admin.depth(deadLetterUrl)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  admin.close();
});

it("shows the ids of a queue's messages, in flight or not, and leaves them where they are", async () => {
  await using server = await startQueueServer();
  const queueUrl = await server.createQueue("shown");
  const ids = await server.send(queueUrl, ["one", "two"]);
  const client = new SQSClient({
    endpoint: server.endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  await client.send(new ReceiveMessageCommand({ QueueUrl: queueUrl }));

  expect((await server.messageIds(queueUrl)).toSorted()).toEqual(ids.toSorted());
  expect(await server.depth(queueUrl)).toMatchObject({ visible: 1, inFlight: 1 });
  client.destroy();
});
