// An SQS server in memory, made to cost so little that it is not what a benchmark measures: SQS's
// JSON protocol, standard queues, the operations that consumers call. It ends with its parent.
import { hash } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  createMessageStore,
  type MessageStore,
  type ReceivedMessage,
  type StoreSettings,
} from "@org/faults/message-store";
import { distanceMs } from "@org/faults/distance";
import type { Command, Report } from "./protocol.ts";

const sweepEveryMs = 500;

interface Poll {
  readonly most: number;
  readonly answer: (messages: readonly ReceivedMessage<string>[]) => void;
}

interface Queue {
  /** Of each message, the JSON that no receive of it changes. */
  readonly store: MessageStore<string>;
  readonly settings: StoreSettings;
  readonly polls: Set<Poll>;
  /** What is sent again and again, so that so many wait. */
  kept: { readonly contents: readonly string[]; readonly waiting: number };
  isDrained: boolean;
}

interface Call {
  /** Missing where a queue is asked for by its name. */
  readonly QueueUrl?: string;
  readonly MaxNumberOfMessages?: number;
  readonly WaitTimeSeconds?: number;
  readonly ReceiptHandle?: string;
  readonly VisibilityTimeout?: number;
  readonly Entries?: readonly {
    readonly Id: string;
    readonly ReceiptHandle: string;
    readonly VisibilityTimeout?: number;
  }[];
}

const queues = new Map<string, Queue>();

const nothing: Queue["kept"] = { contents: [], waiting: 0 };

const operations: Record<string, (queue: Queue, call: Call, response: ServerResponse) => void> = {
  ReceiveMessage(queue, call, response) {
    topUp(queue);
    const most = call.MaxNumberOfMessages ?? 1;
    const messages = queue.store.receive(most, performance.now());
    const waitMs = (call.WaitTimeSeconds ?? 0) * 1000;
    if (messages.length > 0 || waitMs === 0) answerMessages(response, messages);
    else hold(queue, { most, waitMs, response });
  },
  DeleteMessageBatch(queue, { Entries: entries = [] }, response) {
    for (const { ReceiptHandle: handle } of entries) queue.store.remove(handle);
    answerEntries(response, entries);
    reportDrained(queue);
  },
  DeleteMessage(queue, { ReceiptHandle: handle = "" }, response) {
    queue.store.remove(handle);
    answer(response, "{}");
    reportDrained(queue);
  },
  ChangeMessageVisibilityBatch(queue, { Entries: entries = [] }, response) {
    const nowMs = performance.now();
    for (const { ReceiptHandle: handle, VisibilityTimeout: seconds = 0 } of entries) {
      queue.store.changeVisibility(handle, seconds, nowMs);
    }
    answerEntries(response, entries);
    serve(queue);
  },
  GetQueueAttributes(queue, _call, response) {
    const { visible, inFlight } = queue.store.counts();
    const attributes = {
      VisibilityTimeout: String(queue.settings.visibilityTimeoutSeconds),
      MessageRetentionPeriod: "1209600",
      ApproximateNumberOfMessages: String(visible),
      ApproximateNumberOfMessagesNotVisible: String(inFlight),
      ApproximateNumberOfMessagesDelayed: "0",
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: "arn:aws:sqs:us-east-1:000000000000:dead-letters",
        maxReceiveCount: queue.settings.maxReceiveCount,
      }),
    };
    answer(response, JSON.stringify({ Attributes: attributes }));
  },
};

function topUp({ store, kept: { contents, waiting } }: Queue): void {
  while (store.counts().visible < waiting) store.send(contents);
}

function hold(
  queue: Queue,
  { most, waitMs, response }: { most: number; waitMs: number; response: ServerResponse },
): void {
  const poll: Poll = {
    most,
    answer(messages) {
      clearTimeout(timer);
      queue.polls.delete(poll);
      if (!response.destroyed) answerMessages(response, messages);
    },
  };
  const timer = setTimeout(() => poll.answer([]), waitMs);
  response.once("close", () => {
    clearTimeout(timer);
    queue.polls.delete(poll);
  });
  queue.polls.add(poll);
}

/** Gives what has become visible to the polls that wait for it. */
function serve(queue: Queue): void {
  for (const poll of queue.polls) {
    const messages = queue.store.receive(poll.most, performance.now());
    if (messages.length === 0) return;
    poll.answer(messages);
  }
}

function answerMessages(
  response: ServerResponse,
  messages: readonly ReceivedMessage<string>[],
): void {
  answer(
    response,
    messages.length === 0 ? "{}" : `{"Messages":[${messages.map(toWire).join(",")}]}`,
  );
}

function toWire({ id, handle, receiveCount, sentAtMs, content }: ReceivedMessage<string>): string {
  return `{"MessageId":"${id}","ReceiptHandle":"${handle}","Attributes":{"ApproximateReceiveCount":"${receiveCount}","SentTimestamp":"${sentAtMs}"},${content}`;
}

function toContent(body: string): string {
  return `"MD5OfBody":"${hash("md5", body)}","Body":${JSON.stringify(body)}}`;
}

function answerEntries(response: ServerResponse, entries: readonly { Id: string }[]): void {
  answer(
    response,
    `{"Successful":[${entries.map(({ Id: id }) => `{"Id":"${id}"}`).join(",")}],"Failed":[]}`,
  );
}

const rttMs = Number(process.argv[2]);

function answer(response: ServerResponse, body: string, status = 200): void {
  if (rttMs === 0) send(response, body, status);
  else setTimeout(send, distanceMs(rttMs), response, body, status);
}

function send(response: ServerResponse, body: string, status: number): void {
  response.writeHead(status, {
    "content-type": "application/x-amz-json-1.0",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

function reportDrained(queue: Queue): void {
  const { visible, inFlight } = queue.store.counts();
  if (queue.isDrained || visible + inFlight > 0) return;
  queue.isDrained = true;
  const name = [...queues].find(([, known]) => known === queue)?.[0] ?? "";
  report({ kind: "drained", name, atNs: String(process.hrtime.bigint()) });
}

function report(message: Report): void {
  process.send?.(message);
}

function queueNamed(name: string): Queue {
  const queue = queues.get(name);
  if (!queue) throw new Error(`There is no queue ${name}.`);
  return queue;
}

process.on("message", (command: Command) => {
  switch (command.kind) {
    case "create": {
      const { name, settings } = command;
      const store = createMessageStore<string>({ name, ...settings });
      queues.set(name, { store, settings, polls: new Set(), kept: nothing, isDrained: true });
      report({ kind: "created" });
      break;
    }
    case "send": {
      const queue = queueNamed(command.name);
      const atNs = String(process.hrtime.bigint());
      queue.store.send(command.bodies.map(toContent), command.count);
      queue.isDrained = false;
      report({ kind: "sent", atNs });
      serve(queue);
      break;
    }
    case "keep": {
      const queue = queueNamed(command.name);
      queue.kept = { contents: command.bodies.map(toContent), waiting: command.waiting };
      topUp(queue);
      queue.isDrained = false;
      report({ kind: "kept" });
      serve(queue);
      reportDrained(queue);
      break;
    }
    case "count":
      report({
        kind: "counted",
        counts: queueNamed(command.name).store.counts(),
        atNs: String(process.hrtime.bigint()),
      });
      break;
  }
});
process.once("disconnect", () => process.exit());

setInterval(() => {
  for (const queue of queues.values()) {
    queue.store.expire(performance.now());
    serve(queue);
  }
}, sweepEveryMs);

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const call = JSON.parse(Buffer.concat(chunks).toString()) as Call;
    const target = request.headers["x-amz-target"];
    const operation = operations[String(target).replace("AmazonSQS.", "")];
    const queue = queues.get(call.QueueUrl?.split("/").at(-1) ?? "");
    if (operation && queue) operation(queue, call, response);
    else answer(response, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}`, 400);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  report({ kind: "listening", port: (server.address() as AddressInfo).port });
});
