import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

import { expect, test } from "vitest";

import { anyServed, samplesOf } from "./contracts.ts";
import { openStack, startConsumer } from "./stack.ts";
import type { Stack } from "./stack.ts";

const undelivered = "the last traces were not delivered";

async function sendOne(stack: Stack): Promise<void> {
  const bodies = samplesOf(anyServed, { count: 1, seed: 3 }).map(({ body }) => body);
  await stack.queue.send(stack.queueUrl, bodies);
}

test("a drain whose traces nobody takes says so once and exits 0", async () => {
  await using stack = await openStack();
  await sendOne(stack);
  const env = { ...stack.env, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };
  const { code, output } = await startConsumer(env, ["--until-empty"]).exited();
  expect(output.split(undelivered)).toHaveLength(2);
  expect(output).toContain("the queue is empty");
  expect(code).toBe(0);
});

test("SIGTERM while the collector is silent exits 0", async () => {
  await using stack = await openStack();
  const silence = createServer().listen(0, "127.0.0.1");
  await once(silence, "listening");
  const { port } = silence.address() as AddressInfo;
  await sendOne(stack);
  const consumer = startConsumer({
    ...stack.env,
    MASKLINE_WAIT_SECONDS: "1",
    MASKLINE_SHUTDOWN_SECONDS: "6",
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
  });
  while ((await stack.query("SELECT FROM maskline.ledger")).length === 0)
    await new Promise((resolve) => setTimeout(resolve, 50));
  consumer.process.kill("SIGTERM");
  expect(await consumer.logged(undelivered)).toMatchObject({ stage: "trace", reason: "timeout" });
  expect((await consumer.exited()).code).toBe(0);
  silence.close();
});
