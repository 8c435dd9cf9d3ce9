import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { expect, test } from "vitest";
import { startBenchQueueServer } from "../src/queue/queue-server.ts";

test("answers as SQS does: the SDK takes the MD5, and finds what was sent", async () => {
  await using server = await startBenchQueueServer();
  const queue = await server.createQueue("logins");
  await queue.send(["é"], 1);
  const client = new SQSClient({
    endpoint: server.endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });

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
