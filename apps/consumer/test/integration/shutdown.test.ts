import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

import { startFaultProxy } from "@org/faults/fault-proxy";
import { describe, expect, test } from "vitest";

import { anyServed, samplesOf } from "./contracts.ts";
import { openStack, startConsumer, untilWriteHangs } from "./stack.ts";

test("SIGTERM while the database hangs: in time, messages are visible again and the exit code is 0", async () => {
  await using stack = await openStack({ visibilityTimeoutSeconds: 60 });
  const bodies = samplesOf(anyServed, { count: 20, seed: 9 }).map(({ body }) => body);
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

test("SIGTERM while connections to the database stay without an answer: messages are visible again and the exit code is 0", async () => {
  await using stack = await openStack({ visibilityTimeoutSeconds: 60 });
  const url = new URL(stack.env["DATABASE_URL"] ?? "");
  const connecting = Promise.withResolvers<void>();
  await using proxy = await startFaultProxy({
    host: url.hostname,
    port: Number(url.port),
    onRequest: () => isSilent && connecting.resolve(),
  });
  let isSilent = false;
  url.port = String(proxy.port);
  const consumer = startConsumer({
    ...stack.env,
    DATABASE_URL: url.href,
    MASKLINE_WAIT_SECONDS: "1",
    MASKLINE_SHUTDOWN_SECONDS: "4",
  });
  await consumer.logged("consuming");
  isSilent = true;
  proxy.setFault({ kind: "black_hole" });
  proxy.resetConnections();
  const bodies = samplesOf(anyServed, { count: 20, seed: 9 }).map(({ body }) => body);
  await stack.queue.send(stack.queueUrl, bodies);
  await connecting.promise;
  consumer.process.kill("SIGTERM");
  const { code } = await consumer.exited();

  expect(await stack.queue.depth(stack.queueUrl)).toMatchObject({ visible: 20, inFlight: 0 });
  expect(code).toBe(0);
});

test("SIGTERM while the breaker is open: no line says that receiving resumes", async () => {
  await using stack = await openStack();
  const env = { MASKLINE_WAIT_SECONDS: "1", MASKLINE_SHUTDOWN_SECONDS: "6" };
  const consumer = startConsumer({ ...stack.env, ...env });
  await consumer.logged("consuming");
  await stack.query("ALTER TABLE maskline.ledger RENAME TO elsewhere");
  await stack.queue.send(stack.queueUrl, ["{}"]);
  await consumer.logged("breaker open: receiving stops");
  consumer.process.kill("SIGTERM");

  const { code, output } = await consumer.exited();
  expect(output).toContain("breaker closed: stopping, no more is received");
  expect(output).not.toContain("receiving resumes");
  expect(code).toBe(0);
  expect(await stack.queue.depth(stack.queueUrl)).toMatchObject({ visible: 1, inFlight: 0 });
});

describe("a signal while it starts", () => {
  const cases: [string[], number, number][] = [
    [[], 1, 0],
    [["--check"], 1, 1],
    [["--until-empty"], 1, 1],
    [["--until-empty"], 2, 1],
  ];
  test.each(cases)("ends it at once: %j, %d worker(s), exits %d", async (args, workers, code) => {
    await using stack = await openStack();
    const silence = createServer().listen(0, "127.0.0.1");
    await once(silence, "listening");
    const url = new URL(stack.env["DATABASE_URL"] ?? "");
    url.port = String((silence.address() as AddressInfo).port);

    const env = { DATABASE_URL: url.href, MASKLINE_WORKERS: String(workers) };
    const consumer = startConsumer({ ...stack.env, ...env }, args);
    await once(silence, "connection");
    consumer.process.kill("SIGTERM");
    expect(await consumer.exited()).toMatchObject({ code, signal: null });
    silence.close();
  });
});

test("a drain that is stopped before the queue is empty does not exit 0", async () => {
  await using stack = await openStack();
  await stack.queue.send(stack.queueUrl, ["{}"]);
  await stack.query("BEGIN");
  await stack.query("LOCK TABLE maskline.ledger IN ACCESS EXCLUSIVE MODE");
  const env = { ...stack.env, MASKLINE_SHUTDOWN_SECONDS: "6" };
  const consumer = startConsumer(env, ["--until-empty"]);
  await untilWriteHangs(stack);
  consumer.process.kill("SIGTERM");
  expect((await consumer.exited()).code).toBe(1);
});
