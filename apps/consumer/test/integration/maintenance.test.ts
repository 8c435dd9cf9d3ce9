import { randomUUID } from "node:crypto";

import { maintainInTurn } from "@org/db/writer";
import type { Turn } from "@org/db/writer";
import { Client } from "pg";
import { expect, test, vi } from "vitest";

import { startMaintenance } from "../../src/maintenance.ts";
import { drain, openStack, startConsumer } from "./stack.ts";
import type { Stack } from "./stack.ts";

const agedLedger = `INSERT INTO maskline.ledger (message_id, record_id, outcome, decided_on)
  SELECT gen_random_uuid(), gen_random_uuid(), 'row', current_date - 90 FROM generate_series(1, 3)`;

const isDone = "the daily maintenance is done";

/** Whoever makes the last month's partition waits for this one's lock. */
async function hangPartitions(stack: Stack): Promise<Client> {
  const analyst = new Client({ connectionString: stack.database.adminUrl });
  await analyst.connect();
  const [last] = await stack.query<{ name: string }>(
    "SELECT max(relname) AS name FROM pg_class WHERE relname ~ '^vault_[0-9]{4}_[0-9]{2}$'",
  );
  await stack.query(`DROP TABLE maskline.${last?.name}`);
  await analyst.query("BEGIN; LOCK TABLE maskline.vault_default IN ACCESS SHARE MODE");
  return analyst;
}

async function untilMaintains(stack: Stack): Promise<number> {
  return vi.waitUntil(
    async () => {
      const [session] = await stack.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE application_name = 'maskline-maintain'
          AND datname = current_database() AND state = 'active' AND query LIKE '%maintain_step%'`,
      );
      return session?.pid;
    },
    { timeout: 20_000 },
  );
}

test("of two consumers one does the daily work, and both know that it is done", async () => {
  await using stack = await openStack();
  await stack.query(agedLedger);
  const env = { ...stack.env, MASKLINE_WAIT_SECONDS: "1" };
  const consumers = [startConsumer(env), startConsumer(env)];
  const did = await Promise.race(consumers.map((consumer) => consumer.logged(isDone)));
  expect(did).toMatchObject({ ledgerEntriesPruned: 3, partitionsMade: 0 });
  for (const consumer of consumers) {
    const { port } = await consumer.logged("consuming");
    await vi.waitFor(
      async () => {
        const text = await (await fetch(`http://127.0.0.1:${String(port)}/metrics`)).text();
        expect(text).toMatch(/^maskline_partitions_end_timestamp_seconds 1\d{9}/m);
        expect(text).toMatch(/^maskline_maintenance_ended_timestamp_seconds /m);
      },
      { timeout: 20_000 },
    );
    consumer.process.kill("SIGTERM");
  }
  const outputs = await Promise.all(consumers.map((consumer) => consumer.exited()));
  expect(outputs.map(({ code }) => code)).toEqual([0, 0]);
  expect(outputs.filter(({ output }) => output.includes(isDone))).toHaveLength(1);
  const checked = await startConsumer(stack.env, ["--check"]).exited();
  expect(checked.output).toMatch(/"maintained":"20\d\d-/);
});

test("the work of a consumer that was killed is taken over by another one", async () => {
  await using stack = await openStack();
  await stack.query(agedLedger);
  const analyst = await hangPartitions(stack);
  const killed = startConsumer({ ...stack.env, MASKLINE_WAIT_SECONDS: "1" });
  const pid = await untilMaintains(stack);

  const turns: Turn[] = [];
  const holder = randomUUID();
  const connection = { connectionString: stack.env["DATABASE_URL"] ?? "" };
  await using other = startMaintenance({
    async takeTurn(signal) {
      const turn = await maintainInTurn({ connection, holder, takesPart: true, signal });
      turns.push(turn);
      return turn;
    },
    maintained: () => {},
    failed: () => {},
    againMs: 50,
  });
  await vi.waitUntil(() => turns.length > 1, { timeout: 20_000 });
  expect(turns.map(({ did }) => did)).not.toContainEqual(expect.anything());

  killed.process.kill("SIGKILL");
  await analyst.end();
  // The server finds out by itself, once it has something to say to whom it cannot.
  await stack.query("SELECT pg_terminate_backend($1, 10000)", [pid]);
  await stack.query("UPDATE maskline.maintenance SET held_until = now()");
  await vi.waitUntil(() => turns.some(({ did }) => did !== null), { timeout: 20_000 });
  expect(other.last()?.endedAt).not.toBeNull();
  expect(await stack.query("SELECT FROM maskline.ledger")).toEqual([]);
});

test("MASKLINE_MAINTENANCE=off leaves it to a schedule, and every start says so where there is none", async () => {
  await using stack = await openStack();
  await stack.query(agedLedger);
  const env = { ...stack.env, MASKLINE_MAINTENANCE: "off" };
  const { output } = await drain(env);
  expect(output).toContain('"maintained":"never"');
  expect(output).toContain(
    "MASKLINE_MAINTENANCE is off, and the database's daily work was never done",
  );
  expect(await stack.query("SELECT FROM maskline.ledger")).toHaveLength(3);
});
