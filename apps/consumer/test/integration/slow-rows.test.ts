import { connectWriter } from "@org/db";
import type { Writer } from "@org/db";
import { startFaultProxy } from "@org/faults/fault-proxy";
import { createTestDatabase } from "@org/local";
import type { TestDatabase } from "@org/local";
import { Client } from "pg";
import { expect, inject, test } from "vitest";

import { createBreaker } from "../../src/breaker.ts";
import { contract, createQuarantineItem, createRowItem } from "../items.ts";
import { openWrite, options } from "../stages/writes.ts";

interface Scene {
  readonly database: TestDatabase;
  readonly admin: Client;
  readonly connect: (connectionString: string, statementTimeoutMs: number) => Writer;
}

async function openScene(opened: AsyncDisposableStack): Promise<Scene> {
  const database = opened.use(
    await createTestDatabase(inject("postgresAdminUrl"), "maskline_template"),
  );
  const admin = new Client({ connectionString: database.adminUrl });
  await admin.connect();
  opened.defer(() => admin.end());
  return {
    database,
    admin,
    connect: (connectionString, statementTimeoutMs) =>
      opened.use(connectWriter({ connection: { connectionString }, contract, statementTimeoutMs })),
  };
}

test("a batch that no statement time-out leaves room for is written in smaller ones, each message once", async () => {
  await using opened = new AsyncDisposableStack();
  const { database, admin, connect } = await openScene(opened);
  const writer = connect(await database.createLogin("maskline_writer"), 1_000);
  await admin.query(`
    CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END $$;
    CREATE TRIGGER dawdle BEFORE INSERT ON ${contract.table} FOR EACH ROW EXECUTE FUNCTION dawdle()`);

  const breaker = createBreaker(() => {});
  const items = Array.from({ length: 8 }, (_, index) => createRowItem(index));
  const { durable } = await openWrite(writer, { breaker })(items, options);

  const ids = items.map(({ held }) => held.messageId);
  expect(durable.map(({ messageId }) => messageId)).toEqual(ids);
  const { rows } = await admin.query(
    `SELECT message_id FROM ${contract.table} ORDER BY message_id`,
  );
  expect(rows.map(({ message_id }) => message_id)).toEqual(ids);
  expect(breaker.open).toBe(false);
});

test("a batch that a slow link cannot carry in time is written in smaller ones, each message once", async () => {
  await using opened = new AsyncDisposableStack();
  const { database, admin, connect } = await openScene(opened);
  const url = new URL(await database.createLogin("maskline_writer"));
  const link = opened.use(await startFaultProxy({ host: url.hostname, port: Number(url.port) }));
  url.port = String(link.port);
  const writer = connect(url.href, 500);
  // A chunk has 64 KiB at most: all of the batch takes 3.2 s, and pg waits for 2.5 s.
  link.setFault({ kind: "delay", ms: 50 });

  const items = Array.from({ length: 8 }, (_, index) => createQuarantineItem(index, 512 * 1024));
  const { durable } = await openWrite(writer)(items, options);

  const ids = items.map(({ held }) => held.messageId);
  expect(durable.map(({ messageId }) => messageId)).toEqual(ids);
  const { rows } = await admin.query("SELECT message_id FROM maskline.quarantine ORDER BY 1");
  expect(rows.map(({ message_id }) => message_id)).toEqual(ids);
});
