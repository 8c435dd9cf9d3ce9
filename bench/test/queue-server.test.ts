import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { expect, test } from "vitest";
import { startBenchQueueServer } from "../src/queue/queue-server.ts";

test("answers as SQS does: the SDK takes the MD5, and finds what was sent", async () => {
  await using server = await startBenchQueueServer();
  const queue = await server.createQueue("logins");
  await queue.send(["é"], 1);
  const client = clientOf(server.endpoint);

  const { Messages: messages } = await client.send(
    new ReceiveMessageCommand({ QueueUrl: queue.url, MaxNumberOfMessages: 10 }),
  );

  client.destroy();
  expect(messages).toMatchObject([
    {
      Body: "é",
      Attributes: {
        ApproximateReceiveCount: "1",
        SentTimestamp: expect.stringMatching(/^\d{13}$/),
      },
    },
  ]);
  expect(await queue.counts()).toMatchObject({ visible: 0, inFlight: 1 });
});

test("a queue that is kept has each body as often as any other, until it is drained", async () => {
  await using server = await startBenchQueueServer();
  const queue = await server.createQueue("logins");
  await queue.keep(["a", "b"], 3);
  const client = clientOf(server.endpoint);
  const take = async (): Promise<string[]> => {
    const { Messages: messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl: queue.url, MaxNumberOfMessages: 2 }),
    );
    const entries = messages.map(({ ReceiptHandle }, at) => ({ Id: `${at}`, ReceiptHandle }));
    await client.send(new DeleteMessageBatchCommand({ QueueUrl: queue.url, Entries: entries }));
    return messages.map(({ Body = "" }) => Body);
  };

  const taken = [await take(), await take()];
  const drained = queue.drain();
  taken.push(await take());
  await drained;

  client.destroy();
  expect(taken).toEqual([
    ["a", "b"],
    ["a", "b"],
    ["a", "b"],
  ]);
  expect(await queue.counts()).toMatchObject({ sent: 6, deleted: 6 });
});

function clientOf(endpoint: string): SQSClient {
  return new SQSClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
}
