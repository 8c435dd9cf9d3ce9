import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  StartMessageMoveTaskCommand,
} from "@aws-sdk/client-sqs";
import { openQueueAdmin } from "@org/local";
import { expect, test, vi } from "vitest";
import {
  type HostileQueueServerOptions,
  startHostileQueueServer,
} from "../src/hostile-queue-server.ts";

async function openStage(options: HostileQueueServerOptions = {}) {
  await using opening = new AsyncDisposableStack();
  const server = opening.use(await startHostileQueueServer(options));
  const admin = opening.adopt(openQueueAdmin(server.endpoint), (opened) => opened.close());
  const client = opening.adopt(
    new SQSClient({
      endpoint: server.endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
      maxAttempts: 1,
    }),
    (opened) => opened.destroy(),
  );
  const opened = opening.move();

  const receive = async (QueueUrl: string): Promise<Message[]> => {
    const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 });
    const { Messages: messages = [] } = await client.send(command);
    return messages;
  };
  const remove = async (QueueUrl: string, messages: readonly Message[]) => {
    const Entries = messages.map(({ ReceiptHandle }, index) => ({
      Id: String(index),
      ReceiptHandle,
    }));
    return client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  };
  return {
    server,
    admin,
    client,
    receive,
    remove,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

test("a message keeps its id on the way to the dead-letter queue and gets a new one by redrive", async () => {
  await using at = await openStage();
  const { queueUrl, deadLetterUrl } = await at.admin.createQueueWithDeadLetters("q", {
    maxReceiveCount: 1,
    visibilityTimeoutSeconds: 0,
  });
  const [sent] = await at.admin.send(queueUrl, ["poison"]);
  await at.receive(queueUrl);
  await at.receive(queueUrl);
  expect(await at.admin.depth(deadLetterUrl)).toMatchObject({ visible: 1 });
  expect((await at.receive(deadLetterUrl)).map(({ MessageId }) => MessageId)).toEqual([sent]);

  const SourceArn = "arn:aws:sqs:us-east-1:000000000000:q-dead-letters";
  await at.client.send(new StartMessageMoveTaskCommand({ SourceArn }));

  const [redriven] = await at.receive(queueUrl);
  expect(redriven?.Body).toBe("poison");
  expect(redriven?.MessageId).not.toBe(sent);
});

test("a delete is shown before it is answered, while its message is still there", async () => {
  const seen: { readonly id: string; readonly inFlight: number }[] = [];
  await using at = await openStage({
    onDelete: async (id) => {
      seen.push({ id, inFlight: (await at.admin.depth(queueUrl)).inFlight });
    },
  });
  const queueUrl = await at.admin.createQueue("q");
  const ids = await at.admin.send(queueUrl, ["one", "two"]);

  await at.remove(queueUrl, await at.receive(queueUrl));

  expect(seen).toEqual(ids.map((id) => ({ id, inFlight: 2 })));
  expect(await at.admin.depth(queueUrl)).toMatchObject({ visible: 0, inFlight: 0 });
});

test("an answer is shown once it was sent, and an answer that was lost is not", async () => {
  const seen: unknown[] = [];
  await using at = await openStage({
    onAnswer: ({ operation }, answer) => {
      if (operation === "ReceiveMessage") seen.push(answer);
    },
  });
  const queueUrl = await at.admin.createQueue("q");
  await at.admin.send(queueUrl, ["one"]);
  at.server.inject("ReceiveMessage", { kind: "lost_reply" });

  await expect(at.receive(queueUrl)).rejects.toMatchObject({ code: "ECONNRESET" });
  expect(await at.receive(queueUrl)).toEqual([]);
  await vi.waitFor(() => expect(seen).toEqual([{ Messages: [] }]));
});

test("a fault is shown with the answer that it met, or with none where nothing was carried out", async () => {
  const seen: unknown[] = [];
  await using at = await openStage({
    onFault: (_request, fault, answer) => seen.push(fault.kind, answer),
  });
  const queueUrl = await at.admin.createQueue("q");
  at.server.inject("ReceiveMessage", { kind: "lost_reply" }, { kind: "dropped" });

  await expect(at.receive(queueUrl)).rejects.toMatchObject({ code: "ECONNRESET" });
  await expect(at.receive(queueUrl)).rejects.toMatchObject({ code: "ECONNRESET" });
  await at.receive(queueUrl);
  expect(seen).toEqual(["lost_reply", { Messages: [] }, "dropped", null]);
});

test("a server that was offline comes back at the same address with the same messages", async () => {
  await using at = await openStage();
  const queueUrl = await at.admin.createQueue("q");
  const ids = await at.admin.send(queueUrl, ["one", "two"]);

  await at.server.goOffline();
  await expect(at.receive(queueUrl)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await at.server.goOnline();

  expect(at.server.messageIds(queueUrl)).toEqual(ids);
  expect(await at.receive(queueUrl)).toHaveLength(2);
  expect(at.server.messageIds(queueUrl)).toEqual(ids);
});

test("a plan chooses the fault for each request, and what struck is counted", async () => {
  await using at = await openStage({
    plan: ({ operation }) =>
      operation === "ReceiveMessage" ? { kind: "error", code: "OverLimit" } : null,
  });
  const queueUrl = await at.admin.createQueue("q");

  await expect(at.receive(queueUrl)).rejects.toMatchObject({ name: "OverLimit" });
  at.server.inject("ReceiveMessage", null);
  await expect(at.receive(queueUrl)).resolves.toEqual([]);

  expect([...at.server.hits]).toEqual([["error", 1]]);
});

test("a FIFO queue hands out a group in one receive, blocks it, and refuses a late delete", async () => {
  await using at = await openStage();
  const queueUrl = await at.admin.createQueue("q.fifo", {
    FifoQueue: "true",
    VisibilityTimeout: "1",
  });
  for (const body of ["a1", "a2", "a3"]) {
    await at.client.send(
      new SendMessageCommand({
        QueueUrl: queueUrl,
        MessageBody: body,
        MessageGroupId: "a",
        MessageDeduplicationId: body,
      }),
    );
  }

  const first = await at.receive(queueUrl);
  expect(first.map(({ Body }) => Body)).toEqual(["a1", "a2", "a3"]);
  await vi.waitUntil(async () => (await at.admin.depth(queueUrl)).visible === 3, {
    timeout: 30_000,
  });

  const { Failed } = await at.remove(queueUrl, first.slice(0, 1));
  expect(Failed).toMatchObject([{ Code: "InvalidParameterValue", SenderFault: true }]);
});

test("a standard queue says yes to a superseded handle and keeps the message", async () => {
  await using at = await openStage();
  const queueUrl = await at.admin.createQueue("q", { VisibilityTimeout: "0" });
  await at.admin.send(queueUrl, ["once"]);
  const stale = await at.receive(queueUrl);
  const current = await at.receive(queueUrl);

  expect((await at.remove(queueUrl, stale)).Failed ?? []).toEqual([]);
  expect(await at.admin.depth(queueUrl)).toMatchObject({ visible: 1 });
  await at.remove(queueUrl, current);
  expect(await at.admin.depth(queueUrl)).toMatchObject({ visible: 0 });
});
