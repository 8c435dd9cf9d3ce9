import { createMessages } from "@org/local";
import { expect, test } from "vitest";

import { openStack, startConsumer } from "./stack.ts";
import type { Stack } from "./stack.ts";

test("SIGTERM while the database hangs: in time, messages are visible again and the exit code is 0", async () => {
  await using stack = await openStack({ visibilityTimeoutSeconds: 60 });
  const bodies = createMessages({ count: 20, seed: 9 }).map(({ body }) => body);
  await stack.queue.send(stack.queueUrl, bodies);
  await stack.query("BEGIN");
  await stack.query("LOCK TABLE maskline.ledger IN ACCESS EXCLUSIVE MODE");

  const consumer = startConsumer({
    ...stack.env,
    MASKLINE_WAIT_SECONDS: "1",
    MASKLINE_SHUTDOWN_SECONDS: "6",
  });
  await consumer.logged("consuming");
  await untilWriteHangs(stack);
  consumer.process.kill("SIGTERM");
  const { code } = await consumer.exited();

  expect(await stack.queue.depth(stack.queueUrl)).toMatchObject({ visible: 20, inFlight: 0 });
  expect(code).toBe(0);
});

async function untilWriteHangs(stack: Stack): Promise<void> {
  for (;;) {
    const waiting = await stack.query(
      "SELECT FROM pg_locks WHERE NOT granted AND relation = 'maskline.ledger'::regclass",
    );
    const { visible } = await stack.queue.depth(stack.queueUrl);
    if (waiting.length > 0 && visible === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
