/** What the contract suites work on: a hostile server with a queue in it, and what was asked of it. */
import { openQueueAdmin, type QueueAdmin } from "@org/local";
import {
  type HostileQueueServer,
  type HostileQueueServerOptions,
  type QueueRequest,
  startHostileQueueServer,
} from "@org/faults/hostile-queue-server";
import { vi } from "vitest";
import { type Envelope, openQueue, type Queue, type QueueOptions } from "../../src/index.ts";

export type Transport = NonNullable<QueueOptions["transport"]>;

export const credentials = { accessKeyId: "local", secretAccessKey: "local" };
export const region = "us-east-1";
/** Stands for personal data in bodies. */
export const canary = "203.0.113.77";
export const receiveAll = { maxMessages: 10, waitSeconds: 0 };
export const garbage = { messageId: "none", receiptHandle: "garbage" };
/** For tests in which a peer falls silent, and for no other: a slow machine is not a silent one. */
export const impatience = { pollMarginMs: 2_000, callMs: 2_000 };
export const patience = { timeout: 30_000, interval: 20 };

export interface Stage extends AsyncDisposable {
  readonly server: HostileQueueServer;
  readonly admin: QueueAdmin;
  readonly queueUrl: string;
  readonly queue: Queue;
  /** The requests of one operation so far. */
  readonly asked: (operation: string) => QueueRequest[];
}

/** A queue with `count` messages in it, and everything that was asked of the server. */
export async function openStage(
  transport: Transport,
  count: number,
  options: HostileQueueServerOptions & Pick<QueueOptions, "timeouts"> = {},
): Promise<Stage> {
  await using opening = new AsyncDisposableStack();
  const requests: QueueRequest[] = [];
  const server = opening.use(
    await startHostileQueueServer({
      onRequest: (request) => requests.push(request),
      ...options,
    }),
  );
  const admin = opening.adopt(openQueueAdmin(server.endpoint), (admin) => admin.close());
  const { queueUrl } = await admin.createQueueWithDeadLetters("q", { maxReceiveCount: 50 });
  const queue = opening.use(
    openQueue({
      queueUrl,
      credentials: { ...credentials, sessionToken: "token" },
      transport,
      ...(options.timeouts && { timeouts: options.timeouts }),
    }),
  );
  await admin.send(
    queueUrl,
    Array.from({ length: count }, () => canary),
  );
  const asked = (operation: string): QueueRequest[] =>
    requests.filter((request) => request.operation === operation);
  const opened = opening.move();
  return {
    server,
    admin,
    queueUrl,
    queue,
    asked,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Receives until `count` messages are in hand. */
export async function drain(queue: Queue, count: number): Promise<{ envelopes: Envelope[] }> {
  const envelopes: Envelope[] = [];
  await vi.waitUntil(async () => {
    envelopes.push(...(await queue.receive(receiveAll)).envelopes);
    return envelopes.length >= count;
  }, patience);
  return { envelopes };
}
