import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { startHostileQueueServer } from "@org/faults/hostile-queue-server";
import { expect, onTestFinished, test, vi } from "vitest";

import { anyServed, samplesOf } from "./contracts.ts";
import {
  openStack,
  shellEnvironment,
  startConsumer,
  startConsumerWithPnpm,
  untilWriteHangs,
} from "./stack.ts";

test("pnpm start with nothing set exits 2 and lists every variable with what to do, no stack trace", async () => {
  const { code, output } = await startConsumerWithPnpm(shellEnvironment).exited();
  expect(code).toBe(2);
  for (const variable of ["SQS_QUEUE_URL", "DATABASE_URL", "MASKLINE_KEYRING"]) {
    expect(output).toMatch(new RegExp(`${variable} is not set: .{20}`));
  }
  expect(output).not.toMatch(/^\s+at /m);
});

test.each([
  ["an unknown option", "--until-full"],
  ["a worker's, of somebody who supervises none,", "--worker=1"],
])("%s exits 2 and teaches the known ones", async (_, option) => {
  const { code, output } = await startConsumer({}, [option]).exited();
  expect(code).toBe(2);
  expect(output).toContain("--until-empty");
});

test("--check says what it found at every log level", async () => {
  await using stack = await openStack({ visibilityTimeoutSeconds: 5 });
  const silent = { ...stack.env, LOG_LEVEL: "silent", MASKLINE_WORKERS: "2" };
  const passed = await startConsumer(silent, ["--check"]).exited();
  expect(passed.code).toBe(0);
  expect(passed.output).toContain("the queue's VisibilityTimeout is 5 s");
  expect(passed.output).toContain("ready to start");
  expect(passed.output).toContain('"workers":2');

  const refused = await startConsumer({ ...silent, MASKLINE_BATCH_AGE_MS: "60000" }, [
    "--check",
  ]).exited();
  expect(refused.code).toBe(2);
  expect(refused.output).toContain("wait for their batch longer than a quarter of their lease");
});

test("--check exits 2 where messages may be neither deleted nor given back, and touches none", async () => {
  let isDenied = true;
  const settling = ["DeleteMessageBatch", "ChangeMessageVisibilityBatch"];
  await using server = await startHostileQueueServer({
    plan: ({ operation }) =>
      isDenied && settling.includes(operation)
        ? { kind: "error", code: "AccessDenied", status: 403 }
        : null,
  });
  await using stack = await openStack({ endpoint: server.endpoint });
  await stack.queue.send(stack.queueUrl, ["{}"]);
  const refused = await startConsumer(stack.env, ["--check"]).exited();
  expect(refused.code).toBe(2);
  expect(refused.output).toContain("sqs:DeleteMessage is denied");
  expect(refused.output).toContain("sqs:ChangeMessageVisibility is denied");

  isDenied = false;
  const passed = await startConsumer(stack.env, ["--check"]).exited();
  expect(passed.code).toBe(0);
  expect(await stack.queue.depth(stack.queueUrl)).toMatchObject({ visible: 1, inFlight: 0 });
});

test("serves every metric that the operator's page lists, and no other", async () => {
  await using stack = await openStack();
  await stack.queue.send(stack.queueUrl, ["{}"]);
  const consumer = startConsumer({ ...stack.env, MASKLINE_WAIT_SECONDS: "1" });
  const { port } = await consumer.logged("consuming");
  const page = await readFile(
    new URL("../../../../docs/operations/monitor.md", import.meta.url),
    "utf8",
  );
  const [, table = ""] = /^## Metrics$([^]*?)^## /m.exec(page) ?? [];
  const listed = table.match(/(?<=`)(maskline|process|nodejs)_[a-z_]+/g);
  // A histogram is there from the first transaction on.
  await vi.waitFor(
    async () => {
      const text = await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text();
      expect(text.match(/(?<=^# TYPE )\S+/gm)?.toSorted()).toEqual(listed?.toSorted());
    },
    { timeout: 20_000 },
  );
  consumer.process.kill("SIGTERM");
  expect((await consumer.exited()).code).toBe(0);
});

test("SIGTERM to pnpm drains what is in hand and exits 0", async () => {
  await using stack = await openStack();
  const bodies = samplesOf(anyServed, { count: 300, seed: 5 }).map(({ body }) => body);
  await stack.queue.send(stack.queueUrl, bodies);
  await stack.query("BEGIN");
  await stack.query("LOCK TABLE maskline.ledger IN ACCESS EXCLUSIVE MODE");
  const consumer = startConsumerWithPnpm({ ...stack.env, MASKLINE_WAIT_SECONDS: "1" });
  await consumer.logged("consuming");
  await untilWriteHangs(stack);
  consumer.process.kill("SIGTERM");
  await consumer.logged("stopping: finishing what is in hand");
  await stack.query("COMMIT");
  expect((await consumer.exited()).code).toBe(0);

  // All were in hand: each is in the database, and none is left leased or given back.
  expect(await stack.query("SELECT count(*)::int FROM maskline.ledger")).toEqual([{ count: 300 }]);
  expect(await stack.queue.depth(stack.queueUrl)).toMatchObject({ visible: 0, inFlight: 0 });
});

test.each(["SIGINT", "SIGTERM"] as const)(
  "one %s to the whole process group, as a terminal or a supervisor sends it, is one signal: what is in hand is finished",
  async (signal) => {
    await using stack = await openStack();
    const bodies = samplesOf(anyServed, { count: 50, seed: 5 }).map(({ body }) => body);
    await stack.queue.send(stack.queueUrl, bodies);
    await stack.query("BEGIN");
    await stack.query("LOCK TABLE maskline.ledger IN ACCESS EXCLUSIVE MODE");
    const consumer = startConsumerWithPnpm({ ...stack.env, MASKLINE_WAIT_SECONDS: "1" });
    await consumer.logged("consuming");
    await untilWriteHangs(stack);
    process.kill(-(consumer.process.pid ?? 0), signal);
    // pnpm passes it on: node has it twice.
    process.kill(-(consumer.process.pid ?? 0), signal);
    await consumer.logged("stopping: finishing what is in hand");
    await stack.query("COMMIT");
    const { output } = await consumer.exited();

    expect(output).not.toContain("second signal");
    expect(output).toContain('"stopped"');
    const [ledger] = await stack.query("SELECT count(*)::int FROM maskline.ledger");
    expect(ledger).toEqual({ count: 50 });
    expect(await stack.queue.depth(stack.queueUrl)).toMatchObject({ visible: 0, inFlight: 0 });
  },
);

test("a second signal a second later exits at once; a third of the first moment does not", async () => {
  await using stack = await openStack();
  const consumer = startConsumer({ ...stack.env, MASKLINE_WAIT_SECONDS: "20" });
  await consumer.logged("consuming");
  // Past the first poll, which is short.
  await sleep(2_000);
  consumer.process.kill("SIGTERM");
  await consumer.logged("stopping: finishing what is in hand");
  consumer.process.kill("SIGTERM");
  await sleep(1_100);
  expect(consumer.process.exitCode).toBeNull();
  consumer.process.kill("SIGTERM");
  const { code, output } = await consumer.exited();
  expect(code).toBe(1);
  expect(output).toContain("second signal: exiting at once");
});

test.each([
  ["node, as the image starts it", startConsumer],
  ["pnpm", startConsumerWithPnpm],
])("SIGUSR1 opens no debugger in what %s started", async (_, start) => {
  await using stack = await openStack();
  const consumer = start({ ...stack.env, MASKLINE_WAIT_SECONDS: "1" });
  const { pid } = await consumer.logged("consuming");
  process.kill(Number(pid), "SIGUSR1");
  await sleep(500);
  consumer.process.kill("SIGTERM");
  const { code, output } = await consumer.exited();
  expect(output).not.toContain("Debugger listening");
  expect(code).toBe(0);
});

test.each([
  ["node", startConsumer],
  ["pnpm", startConsumerWithPnpm],
])("a consumer that a test left running, started by %s, ends with the test", async (_, start) => {
  await using stack = await openStack();
  // What is registered first runs last: by then the consumer has been ended.
  onTestFinished(async () => {
    expect(await consumer.exited()).toMatchObject({ code: null, signal: "SIGKILL" });
  });
  const consumer = start(stack.env);
  await consumer.logged("consuming");
});
