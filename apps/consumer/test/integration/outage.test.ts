import { setTimeout as sleep } from "node:timers/promises";

import { migrate } from "@org/db";
import { startPostgres } from "@org/local";
import { startHostileQueueServer } from "@org/faults/hostile-queue-server";
import { Client } from "pg";
import { expect, test } from "vitest";

import { anyServed, samplesOf } from "./contracts.ts";
import { openStack, startConsumer } from "./stack.ts";

const visibilityTimeoutSeconds = 5;
const outageMs = 12_000;

/** By then the polls that were under way have returned. */
const pollMs = 3_000;

interface Received {
  readonly Attributes: { readonly ApproximateReceiveCount: string };
}

test("a database outage much longer than the lease spends no receives and dead-letters nothing", async () => {
  await using postgres = await startPostgres();
  await migrate(postgres.adminUrl, { contract: anyServed.contract });
  /** The ApproximateReceiveCount of each message, each time it was received. */
  const received: string[] = [];
  await using server = await startHostileQueueServer({
    onAnswer({ operation }, answer) {
      if (operation !== "ReceiveMessage") return;
      const { Messages: messages } = answer as { readonly Messages: readonly Received[] };
      received.push(...messages.map(({ Attributes }) => Attributes.ApproximateReceiveCount));
    },
  });
  const { endpoint } = server;
  await using stack = await openStack({ endpoint, visibilityTimeoutSeconds });
  const bodies = samplesOf(anyServed, { count: 100, seed: 4 }).map(({ body }) => body);
  const env = { ...stack.env, DATABASE_URL: await createWriter(postgres.adminUrl) };
  const consumer = startConsumer({ ...env, MASKLINE_WAIT_SECONDS: "1" });
  const { port } = await consumer.logged("consuming");

  await postgres.stop("immediate");
  await stack.queue.send(stack.queueUrl, bodies);
  await consumer.logged("breaker open: receiving stops");
  const ready = await fetch(`http://127.0.0.1:${String(port)}/ready`);
  expect(ready.status).toBe(503);
  await sleep(pollMs);
  const inHand = received.length;
  // A consumer that ignored its breaker would receive these.
  await stack.queue.send(stack.queueUrl, bodies);
  await sleep(outageMs);
  expect(received).toHaveLength(inHand);
  // One that renewed no lease would have nothing in flight any more.
  expect((await stack.queue.depth(stack.queueUrl)).inFlight).toBe(inHand);
  const metrics = await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text();
  const lag = Number(/^maskline_lag_seconds (.+)$/m.exec(metrics)?.[1]);
  expect(lag).toBeGreaterThan(outageMs / 1000);
  expect(metrics).toMatch(
    /^maskline_failures_total\{stage="write",reason="connection_refused"\} [1-9]/m,
  );
  await postgres.start();
  await consumer.logged("breaker closed: receiving resumes");

  const admin = new Client({ connectionString: postgres.adminUrl });
  await admin.connect();
  const decided = async (): Promise<unknown> => {
    const { rows } = await admin.query("SELECT count(*)::int FROM maskline.ledger");
    return rows[0]?.count;
  };
  while ((await decided()) !== 2 * bodies.length) await sleep(50);
  await admin.end();
  consumer.process.kill("SIGTERM");
  expect((await consumer.exited()).code).toBe(0);
  expect(received).toEqual(Array.from({ length: 2 * bodies.length }, () => "1"));
  expect(await stack.queue.depth(stack.deadLetterUrl)).toMatchObject({ visible: 0, inFlight: 0 });
}, 120_000);

test("a connection that breaks while it is idle is logged by its SQLSTATE, and another is opened", async () => {
  await using stack = await openStack();
  const [first, second] = samplesOf(anyServed, { count: 2, seed: 6 }).map(({ body }) => body);
  const consumer = startConsumer({ ...stack.env, MASKLINE_WAIT_SECONDS: "1" });
  const commit = async (body = "", total = 0): Promise<void> => {
    await stack.queue.send(stack.queueUrl, [body]);
    const count = "SELECT count(*)::int FROM maskline.ledger";
    while ((await stack.query<{ count: number }>(count))[0]?.count !== total)
      await new Promise((resolve) => setTimeout(resolve, 50));
  };
  await commit(first, 1);
  await stack.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'maskline-writer'",
  );

  expect(await consumer.logged("an idle connection to the database broke")).toMatchObject({
    stage: "write",
    sqlState: "57P01",
  });
  await commit(second, 2);
  consumer.process.kill("SIGTERM");
  expect((await consumer.exited()).code).toBe(0);
});

async function createWriter(adminUrl: string): Promise<string> {
  const admin = new Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query("CREATE ROLE outage_consumer LOGIN PASSWORD 'outage' IN ROLE maskline_writer");
  await admin.end();
  const url = new URL(adminUrl);
  url.username = "outage_consumer";
  url.password = "outage";
  return url.href;
}
