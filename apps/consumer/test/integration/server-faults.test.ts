import { setTimeout as sleep } from "node:timers/promises";

import { startHostileQueueServer } from "@org/faults/hostile-queue-server";
import type { Fault, QueueRequest } from "@org/faults/hostile-queue-server";
import { expect, test } from "vitest";

import { anyServed, samplesOf } from "./contracts.ts";
import { readOutcomes } from "./outcomes.ts";
import { drain, openStack, startConsumer } from "./stack.ts";

interface Answer {
  readonly Messages: readonly { readonly MessageId: string; readonly Attributes: Attributes }[];
}
type Attributes = Readonly<Record<string, string>>;

/** A server that states other attributes of its messages. */
function alterReceives(
  change: (attributes: Attributes, messageId: string) => Attributes,
): (request: QueueRequest) => Fault | null {
  const alter = (answer: unknown): Answer => ({
    Messages: (answer as Answer).Messages.map((message) => ({
      ...message,
      Attributes: change(message.Attributes, message.MessageId),
    })),
  });
  return ({ operation }) => (operation === "ReceiveMessage" ? { kind: "altered", alter } : null);
}

const bodiesOf = (count: number): string[] =>
  samplesOf(anyServed, { count, seed: 13 }).map(({ body }) => body);

test("a server that gives no SentTimestamp is asked three times; nothing is dead-lettered, and the log says what is missing", async () => {
  let receives = 0;
  await using server = await startHostileQueueServer({
    onRequest: ({ operation }) => void (receives += Number(operation === "ReceiveMessage")),
    plan: alterReceives((attributes) =>
      Object.fromEntries(Object.entries(attributes).filter(([name]) => name !== "SentTimestamp")),
    ),
  });
  await using stack = await openStack({
    endpoint: server.endpoint,
    maxReceiveCount: 5,
    visibilityTimeoutSeconds: 1,
  });
  const ids = await stack.queue.send(stack.queueUrl, bodiesOf(20));
  const consumer = startConsumer({ ...stack.env, MASKLINE_WAIT_SECONDS: "1" });
  const line = await consumer.logged(
    "every message that came lacks the same piece: the queue's server is at fault; nothing more is received until a restart",
  );
  expect(line).toMatchObject({ level: 50, damages: ["date_missing"] });
  const { port } = await consumer.logged("consuming");
  const ready = await fetch(`http://127.0.0.1:${String(port)}/ready`);
  const live = await fetch(`http://127.0.0.1:${String(port)}/live`);
  expect([ready.status, live.status]).toEqual([503, 200]);
  await sleep(5_000);
  expect(receives).toBe(3);
  consumer.process.kill("SIGTERM");
  expect((await consumer.exited()).code).toBe(0);
  expect(await readOutcomes(stack)).toEqual({ rows: [], quarantined: [], deadLettered: 0 });
  expect(server.messageIds(stack.queueUrl).toSorted()).toEqual(ids.toSorted());

  const drained = await startConsumer(stack.env, ["--until-empty"]).exited();
  expect(drained.code).toBe(1);
  expect(drained.output).not.toContain("the queue is empty");
});

test("dates that no queue can hold are damage of their messages alone; the others are written", async () => {
  const impossible = [String(Date.UTC(10_000, 0, 1)), String(Date.UTC(-5, 0, 1)), "soon"];
  const seen = new Map<string, number>();
  await using server = await startHostileQueueServer({
    plan: alterReceives((attributes, messageId) => {
      const at = seen.get(messageId) ?? seen.size;
      seen.set(messageId, at);
      const date = impossible[at - 1];
      return date === undefined ? attributes : { ...attributes, SentTimestamp: date };
    }),
  });
  await using stack = await openStack({
    endpoint: server.endpoint,
    maxReceiveCount: 2,
    visibilityTimeoutSeconds: 2,
  });
  await stack.queue.send(stack.queueUrl, bodiesOf(20));
  const { output } = await drain(stack.env);
  expect(output).toContain("date_impossible");
  expect(output).not.toContain("the schema refuses");
  const { rows, quarantined, deadLettered } = await readOutcomes(stack);
  expect(rows.length + quarantined.length).toBe(17);
  expect(deadLettered).toBe(3);
});

test("a consumer whose receives are denied never becomes ready, and says so as an error", async () => {
  await using server = await startHostileQueueServer({
    plan: ({ operation }) =>
      operation === "ReceiveMessage" ? { kind: "error", code: "AccessDenied", status: 403 } : null,
  });
  await using stack = await openStack({ endpoint: server.endpoint });
  const consumer = startConsumer({ ...stack.env, MASKLINE_WAIT_SECONDS: "1" });
  expect(await consumer.logged("receive failed; trying again")).toMatchObject({
    level: 50,
    reason: "AccessDenied",
  });
  const { port } = await consumer.logged("consuming");
  expect((await fetch(`http://127.0.0.1:${String(port)}/ready`)).status).toBe(503);
  consumer.process.kill("SIGTERM");
  expect((await consumer.exited()).code).toBe(0);
});

test("a flood of what nobody can read stops receiving; the rest of it waits in the queue", async () => {
  await using stack = await openStack();
  await stack.queue.send(
    stack.queueUrl,
    Array.from({ length: 300 }, () => "{}"),
  );
  const consumer = startConsumer({
    ...stack.env,
    MASKLINE_MAX_QUARANTINED_PER_MINUTE: "100",
    MASKLINE_BATCH_SIZE: "20",
    MASKLINE_MAX_IN_FLIGHT: "40",
    MASKLINE_WAIT_SECONDS: "1",
  });
  const line = await consumer.logged(
    "more was quarantined than MASKLINE_MAX_QUARANTINED_PER_MINUTE, and more than was written: receiving stops for the rest of this minute",
  );
  expect(line).toMatchObject({ level: 50 });
  await sleep(3_000);
  const { quarantined } = await readOutcomes(stack);
  expect(quarantined.length).toBeGreaterThan(100);
  expect(quarantined.length).toBeLessThan(200);
  expect((await stack.queue.depth(stack.queueUrl)).visible).toBe(300 - quarantined.length);
  consumer.process.kill("SIGTERM");
  expect((await consumer.exited()).code).toBe(0);
});
