import { once } from "node:events";
import { createServer } from "node:http";

import { startHostileQueueServer } from "@org/faults/hostile-queue-server";
import type { Fault } from "@org/faults/hostile-queue-server";
import { expect, test, vi } from "vitest";

import { openStack, startConsumer, untilWriteHangs } from "./stack.ts";
import type { Stack } from "./stack.ts";

/** Values that no other part of the system could produce by itself. */
const sentinelIp = "203.0.113.77";
const sentinelDevice = "918-27-3645";

const login = {
  user_id: "leak-test",
  app_version: "1.2.3",
  device_type: "android",
  ip: sentinelIp,
  locale: null,
  device_id: sentinelDevice,
};

/** One message for each way to fail, and one that passes. */
const bodies = {
  passes: login,
  wrongShape: { foo: sentinelIp, bar: sentinelDevice },
  ipRefused: { ...login, ip: `${sentinelIp}:80` },
  deviceRefused: { ...login, device_id: sentinelDevice.repeat(40) },
  ambiguous: { ...login, device: { id: sentinelDevice } },
  refusedByPostgres: { ...login, user_id: "refused" },
};

/** Each form in which a value could be written down. */
function spellings(value: string): string[] {
  const bytes = Buffer.from(value);
  return [
    value,
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("hex"),
    encodeURIComponent(value),
  ];
}

/** A line a row, with its table's name, of every schema that is not PostgreSQL's own. */
async function everyCell(stack: Stack): Promise<string> {
  const tables = await stack.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name
       FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema$)'`,
  );
  const cells: string[] = [];
  for (const { name } of tables) {
    const rows = await stack.query<{ dump: string }>(`SELECT t::text AS dump FROM ${name} t`);
    cells.push(...rows.map(({ dump }) => `${name} ${dump}`));
  }
  return cells.join("\n");
}

/** What the queue does to the first requests of each kind; each receive of messages brings ten. */
const receiveFaults: readonly Fault[] = [
  { kind: "damaged", positions: [0, 1, 2, 3, 4, 5, 6] },
  // Cut off behind the first values.
  { kind: "truncated", bytes: 1_000 },
  { kind: "lost_reply" },
  { kind: "error", code: "AccessDenied", status: 403 },
  { kind: "page", status: 503 },
];
const ackFaults: readonly Fault[] = [
  { kind: "error", code: "InternalError", status: 500 },
  { kind: "partial", positions: [0, 1], code: "ReceiptHandleIsInvalid", senderFault: true },
  { kind: "unanswered", positions: [0] },
  { kind: "truncated", bytes: 10 },
  { kind: "page", status: 503 },
];

const copies = 6;

test.each([
  { vault: true, outcomes: copies * 7, giveBackFaults: [] },
  // Only what passes has an outcome here: all else is given back until the redrive policy takes it.
  { vault: false, outcomes: copies, giveBackFaults: ackFaults },
])(
  "ip and device_id reach no log, no metric, no trace and no table, by any failing stage, with the vault $vault",
  async ({ vault, outcomes, giveBackFaults }) => {
    const faults = new Map<string, Fault[]>([
      ["ReceiveMessage", [...receiveFaults]],
      ["DeleteMessageBatch", [...ackFaults]],
      ["ChangeMessageVisibilityBatch", [...giveBackFaults]],
    ]);
    await using server = await startHostileQueueServer({
      plan: ({ operation }) => faults.get(operation)?.shift() ?? null,
    });
    await using stack = await openStack({
      vault,
      endpoint: server.endpoint,
      visibilityTimeoutSeconds: 2,
    });
    await stack.query(
      "ALTER TABLE user_logins ADD CONSTRAINT refused CHECK (user_id <> 'refused')",
    );
    const notJson = `{"ip": "${sentinelIp}", "device_id": "${sentinelDevice}"`;
    const sent = [...Object.values(bodies).map((body) => JSON.stringify(body)), notJson];
    await stack.queue.send(stack.queueUrl, Array.from({ length: copies }, () => sent).flat());

    await using collector = await startCollector();
    const consumer = startConsumer({
      ...stack.env,
      LOG_LEVEL: "debug",
      MASKLINE_WAIT_SECONDS: "1",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    });
    const { port } = await consumer.logged("consuming");
    await untilSettled(stack, outcomes);
    const timeout = { timeout: 30_000 };
    await vi.waitUntil(() => [...faults.values()].flat().length === 0, timeout);
    const metrics = await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text();
    consumer.process.kill("SIGTERM");
    const { output } = await consumer.exited();
    const cells = await everyCell(stack);

    expect(metrics).toMatch(/^maskline_messages_rejected_total\{reason="not_a_login"\} [1-9]/m);
    expect(metrics).toMatch(/^maskline_messages_damaged_total 7$/m);
    expect(metrics).toMatch(/^maskline_failures_total\{stage="receive"\} [1-9]/m);
    expect(metrics).toMatch(/^maskline_messages_delete_failed_total [1-9]/m);
    expect(cells).toMatch(/^public\.user_logins\S* .*leak-test/m);
    expect(cells).toMatch(/^recovery\.policy /m);
    expect(collector.received()).toMatch(/receive[^]*parse[^]*mask[^]*write/);
    for (const value of [...spellings(sentinelIp), ...spellings(sentinelDevice)]) {
      expect(output).not.toContain(value);
      expect(metrics).not.toContain(value);
      expect(cells).not.toContain(value);
      expect(collector.received()).not.toContain(value);
    }
  },
);

test("a crash of the database connection puts no value into the log", async () => {
  await using stack = await openStack();
  await stack.query("ALTER TABLE user_logins ADD COLUMN forgotten integer NOT NULL");
  await stack.queue.send(stack.queueUrl, [JSON.stringify(login)]);
  const consumer = startConsumer({
    ...stack.env,
    LOG_LEVEL: "debug",
    MASKLINE_WAIT_SECONDS: "1",
    MASKLINE_SHUTDOWN_SECONDS: "5",
  });
  await consumer.logged(
    "the schema refuses these rows; nothing is quarantined, receiving stops until it is mended",
  );
  await stack.query("BEGIN");
  await stack.query("LOCK TABLE maskline.ledger IN ACCESS EXCLUSIVE MODE");
  await untilWriteHangs(stack);
  await stack.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
  );
  expect(await consumer.logged("write failed; trying again")).toMatchObject({ sqlState: "57P01" });
  await stack.query("COMMIT");
  consumer.process.kill("SIGTERM");
  const { output } = await consumer.exited();
  for (const value of [...spellings(sentinelIp), ...spellings(sentinelDevice)]) {
    expect(output).not.toContain(value);
  }
});

test("a crash says where it was, and nothing of the error's message, however that is written", async () => {
  await using stack = await openStack();
  const crash = `setInterval(function crash() {
    if (process.listenerCount("uncaughtException") > 0) throw new Error(process.env.MESSAGE);
  }, 10)`;
  const { code, output } = await startConsumer({
    ...stack.env,
    MESSAGE: `first line\n    at ${sentinelIp} (${sentinelDevice}:1:1)`,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(crash)}`,
  }).exited();

  expect(code).toBe(1);
  expect(output).toMatch(/"frames":\["[^"]*crash.*"unexpected fault"/);
  expect(output).not.toContain(sentinelIp);
  expect(output).not.toContain(sentinelDevice);
});

async function untilSettled(stack: Stack, messages: number): Promise<void> {
  for (;;) {
    const [ledger] = await stack.query<{ count: number }>(
      "SELECT count(*)::int FROM maskline.ledger",
    );
    if (ledger?.count === messages) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Takes traces in as a collector would, and keeps their bytes. */
async function startCollector(): Promise<AsyncDisposable & { url: string; received(): string }> {
  const chunks: Buffer[] = [];
  const server = createServer((request, response) => {
    request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => response.end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    received: () => Buffer.concat(chunks).toString("latin1"),
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}
