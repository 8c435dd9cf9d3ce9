import { startHostileQueueServer } from "@org/faults/hostile-queue-server";
import { expect, test, vi } from "vitest";

import { anyServed, samplesOf } from "./contracts.ts";
import { readOutcomes } from "./outcomes.ts";
import { drain, openStack, startConsumer } from "./stack.ts";

test("draining a dead-letter queue absorbs what is committed already, and writes the rest", async () => {
  let deletesLie = true;
  await using server = await startHostileQueueServer({
    plan: ({ operation }) =>
      operation === "DeleteMessageBatch" && deletesLie ? { kind: "undeleted" } : null,
  });
  const { endpoint } = server;
  await using stack = await openStack({ endpoint, maxReceiveCount: 2 });
  const messages = samplesOf(anyServed, { count: 60, seed: 31 });
  const bodies = messages.map(({ body }) => body);
  const idsOf = (ids: readonly string[], kind: string): string[] =>
    ids.filter((_, index) => messages[index]?.kind === kind);

  const committed = await stack.queue.send(stack.queueUrl, bodies);
  const consumer = startConsumer({ ...stack.env, MASKLINE_WAIT_SECONDS: "1" });
  await vi.waitUntil(() => server.messageIds(stack.deadLetterUrl).length === committed.length, {
    timeout: 30_000,
  });
  consumer.process.kill("SIGTERM");
  await consumer.exited();
  const before = await readOutcomes(stack);
  expect([...before.rows, ...before.quarantined].toSorted()).toEqual(committed.toSorted());
  deletesLie = false;

  const uncommitted = await stack.queue.send(stack.deadLetterUrl, bodies);
  await drain({ ...stack.env, SQS_QUEUE_URL: stack.deadLetterUrl });

  const ids = [committed, uncommitted];
  expect(await readOutcomes(stack)).toEqual({
    rows: ids.flatMap((sent) => idsOf(sent, "message")).toSorted(),
    quarantined: ids.flatMap((sent) => idsOf(sent, "wrong_shape")).toSorted(),
    deadLettered: 0,
  });
});
