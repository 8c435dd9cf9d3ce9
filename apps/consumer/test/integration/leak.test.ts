import { once } from "node:events";
import { createServer } from "node:http";

import { startHostileQueueServer } from "@org/faults/hostile-queue-server";
import type { Fault } from "@org/faults/hostile-queue-server";
import type { AnyContract } from "@org/schema";
import { deployed } from "@org/schema/test-contracts";
import { expect, test, vi } from "vitest";

import { messagesOf } from "./contracts.ts";
import { openStack, startConsumer, untilWriteHangs } from "./stack.ts";
import type { Stack } from "./stack.ts";

/** A message's masked values, and all that must not be found anywhere. */
interface Sentinel {
  readonly body: string;
  readonly values: readonly string[];
  readonly fields: Readonly<Record<string, string>>;
}

/** Of a sample whose masked values are long enough to be nothing else. */
function sentinelOf(contract: AnyContract): Sentinel {
  for (const { body, message } of messagesOf(contract, { count: 200, seed: 77 })) {
    const masked = contract.fields.filter(({ isMasked }) => isMasked).map(({ name }) => name);
    const fields = Object.fromEntries(masked.map((name) => [name, String(message[name] ?? "")]));
    const values = Object.values(fields);
    if (values.every((value) => value.length >= 8)) return { body, values, fields };
  }
  throw new Error("No sample has masked values to look for.");
}

/** One message for each way to fail, and one that passes: `refusedByPostgres` passes until it is refused. */
function bodiesOf({ body, values, fields }: Sentinel): Record<string, string> {
  const message = JSON.parse(body) as Record<string, unknown>;
  const changed = (changes: object): string => JSON.stringify({ ...message, ...changes });
  const refused = Object.entries(fields).map(([name, value]) => [
    `${name}_refused`,
    changed({ [name]: value.repeat(40) }),
  ]);
  const ambiguous = Object.entries(fields).flatMap(([name, value]) => {
    const [parent, ...child] = name.split("_");
    if (!parent || child.length === 0) return [];
    const both = { [name]: value, [parent]: { [child.join("_")]: value } };
    return [[`${name}_twice`, changed(both)]];
  });
  return {
    passes: body,
    wrongShape: JSON.stringify({ foo: values[0], bar: values[1] }),
    ...Object.fromEntries([...refused, ...ambiguous]),
    refusedByPostgres: body,
    notJson: body.slice(0, -1),
  };
}

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

const vaults = deployed.flatMap((each) => [
  { name: each.name, served: each, vault: true, releaseFaults: [] },
  // Only what passes has an outcome here: all else is released until the redrive policy takes it.
  { name: each.name, served: each, vault: false, releaseFaults: ackFaults },
]);

test.each(vaults)(
  "masked values of $name reach no log, no metric, no trace and no table, by any failing stage, with the vault $vault",
  async ({ served: each, vault, releaseFaults }) => {
    const faults = new Map<string, Fault[]>([
      ["ReceiveMessage", [...receiveFaults]],
      ["DeleteMessageBatch", [...ackFaults]],
      ["ChangeMessageVisibilityBatch", [...releaseFaults]],
    ]);
    await using server = await startHostileQueueServer({
      plan: ({ operation }) => faults.get(operation)?.shift() ?? null,
    });
    await using stack = await openStack({
      served: each,
      vault,
      endpoint: server.endpoint,
      visibilityTimeoutSeconds: 2,
    });
    const { table } = stack.contract;
    const sentinel = sentinelOf(stack.contract);
    const bodies = bodiesOf(sentinel);
    const names = Array.from({ length: copies }, () => Object.keys(bodies)).flat();
    const ids = await stack.queue.send(
      stack.queueUrl,
      names.map((name) => bodies[name] ?? ""),
    );
    const refused = ids.filter((_, at) => names[at] === "refusedByPostgres");
    await stack.query(
      `ALTER TABLE ${table} ADD CONSTRAINT refused
         CHECK (message_id NOT IN (${refused.map((id) => `'${id}'`).join()}))`,
    );

    await using collector = await startCollector();
    const consumer = startConsumer({
      ...stack.env,
      LOG_LEVEL: "debug",
      MASKLINE_WAIT_SECONDS: "1",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    });
    const { port } = await consumer.logged("consuming");
    await untilDecided(stack, vault ? ids.length : copies);
    const timeout = { timeout: 30_000 };
    await vi.waitUntil(() => [...faults.values()].flat().length === 0, timeout);
    const metrics = await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text();
    consumer.process.kill("SIGTERM");
    const { output } = await consumer.exited();
    const cells = await everyCell(stack);

    const notOurs = `not_a_${stack.contract.name}`;
    expect(metrics).toMatch(
      new RegExp(`^maskline_messages_rejected_total{reason="${notOurs}"} [1-9]`, "m"),
    );
    expect(metrics).toMatch(/^maskline_messages_damaged_total\{damage="md5_wrong"\} 7$/m);
    expect(metrics).toMatch(
      /^maskline_failures_total\{stage="receive",reason="AccessDenied"\} [1-9]/m,
    );
    expect(metrics).toMatch(/^maskline_messages_delete_failed_total [1-9]/m);
    expect(cells).toMatch(new RegExp(`^public\\.${table}\\S* .*mk1\\.`, "m"));
    expect(cells).toMatch(/^recovery\.policy /m);
    expect(collector.received()).toMatch(/receive[^]*parse[^]*mask[^]*write/);
    for (const value of sentinel.values.flatMap(spellings)) {
      expect(output).not.toContain(value);
      expect(metrics).not.toContain(value);
      expect(cells).not.toContain(value);
      expect(collector.received()).not.toContain(value);
    }
  },
);

test("a crash of the database connection puts no value into the log", async () => {
  await using stack = await openStack();
  const { body, values } = sentinelOf(stack.contract);
  await stack.query(`ALTER TABLE ${stack.contract.table} ADD COLUMN forgotten integer NOT NULL`);
  await stack.queue.send(stack.queueUrl, [body]);
  const consumer = startConsumer({
    ...stack.env,
    LOG_LEVEL: "debug",
    MASKLINE_WAIT_SECONDS: "1",
    MASKLINE_SHUTDOWN_SECONDS: "5",
  });
  await consumer.logged(
    "the schema refuses these rows; nothing is quarantined, receiving stops until it is corrected",
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
  for (const value of values.flatMap(spellings)) expect(output).not.toContain(value);
});

test("a crash says where it was, and nothing of the error's message, however that is written", async () => {
  await using stack = await openStack();
  const [sentinel = "", other = ""] = sentinelOf(stack.contract).values;
  const crash = `setInterval(function crash() {
    if (process.listenerCount("uncaughtException") > 0) throw new Error(process.env.MESSAGE);
  }, 10)`;
  const { code, output } = await startConsumer({
    ...stack.env,
    MESSAGE: `first line\n    at ${sentinel} (${other}:1:1)`,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(crash)}`,
  }).exited();

  expect(code).toBe(1);
  expect(output).toMatch(/"frames":\["[^"]*crash.*"unexpected fault"/);
  expect(output).not.toContain(sentinel);
  expect(output).not.toContain(other);
});

async function untilDecided(stack: Stack, messages: number): Promise<void> {
  for (;;) {
    const [ledger] = await stack.query<{ count: number }>(
      "SELECT count(*)::int FROM maskline.ledger",
    );
    if (ledger?.count === messages) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Takes traces in as a collector would, and keeps their bytes. */
async function startCollector(): Promise<
  AsyncDisposable & { readonly url: string; readonly received: () => string }
> {
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
