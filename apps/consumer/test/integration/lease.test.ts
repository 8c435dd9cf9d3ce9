import { expect, test } from "vitest";

import { anyServed, samplesOf } from "./contracts.ts";
import { readOutcomes } from "./outcomes.ts";
import { openStack, startConsumer } from "./stack.ts";

test("a commit slower than the visibility timeout: leases are renewed and nothing is delivered twice", async () => {
  const visibilityTimeoutSeconds = 2;
  await using stack = await openStack({ visibilityTimeoutSeconds });
  const bodies = samplesOf(anyServed, { count: 40, seed: 8 }).map(({ body }) => body);
  const ids = await stack.queue.send(stack.queueUrl, bodies);

  await stack.query("BEGIN");
  await stack.query("LOCK TABLE maskline.ledger IN ACCESS EXCLUSIVE MODE");
  const consumer = startConsumer({ ...stack.env, MASKLINE_WAIT_SECONDS: "1" });
  await consumer.logged("consuming");
  const { port } = await consumer.logged("consuming");
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  };
  // Three renewals of each: the messages have been in hand for longer than one lease.
  while ((await metric("maskline_leases_renewed_total")) < 3 * ids.length) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await stack.query("COMMIT");
  while ((await metric("maskline_messages_deleted_total")) < ids.length) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const received = await metric("maskline_messages_received_total");
  consumer.process.kill("SIGTERM");
  expect((await consumer.exited()).code).toBe(0);

  expect(received).toBe(ids.length);
  const { rows, quarantined } = await readOutcomes(stack);
  expect([...rows, ...quarantined].toSorted()).toEqual(ids.toSorted());
});
