import { connectWriter } from "@org/db";
import { createTestDatabase } from "@org/local";
import { startFaultProxy } from "@org/faults/fault-proxy";
import { Client } from "pg";
import { expect, inject, test } from "vitest";

import { createBreaker } from "../../src/breaker.ts";
import { createWrite } from "../../src/stages/write.ts";
import { createLoginItem, createQuarantineItem } from "../items.ts";

const never = new AbortController().signal;

test("a batch that no statement time-out leaves room for is written in smaller ones, each message once", async () => {
  await using opened = new AsyncDisposableStack();
  const database = opened.use(
    await createTestDatabase(inject("postgresAdminUrl"), "maskline_template"),
  );
  const writer = opened.use(
    connectWriter({
      connection: { connectionString: await database.createLogin("maskline_writer") },
      statementTimeoutMs: 1_000,
    }),
  );
  const admin = new Client({ connectionString: database.adminUrl });
  await admin.connect();
  opened.defer(() => admin.end());
  await admin.query(`
    CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END $$;
    CREATE TRIGGER dawdle BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE FUNCTION dawdle()`);

  const breaker = createBreaker(() => {});
  const write = createWrite({ database: writer, breaker }, ignoreEvents);
  const items = Array.from({ length: 8 }, (_, index) => createLoginItem(index));
  const { settled } = await write(items, { batchKeys: [], quarantine: null, giveUp: never });

  const ids = items.map(({ held }) => held.envelope.messageId);
  expect(settled.map(({ envelope }) => envelope.messageId)).toEqual(ids);
  const { rows } = await admin.query("SELECT message_id FROM user_logins ORDER BY message_id");
  expect(rows.map(({ message_id }) => message_id)).toEqual(ids);
  expect(breaker.open).toBe(false);
});

test("a batch that a slow link cannot carry in time is written in smaller ones, each message once", async () => {
  await using opened = new AsyncDisposableStack();
  const database = opened.use(
    await createTestDatabase(inject("postgresAdminUrl"), "maskline_template"),
  );
  const url = new URL(await database.createLogin("maskline_writer"));
  const link = opened.use(await startFaultProxy({ host: url.hostname, port: Number(url.port) }));
  url.port = String(link.port);
  const writer = opened.use(
    connectWriter({ connection: { connectionString: url.href }, statementTimeoutMs: 500 }),
  );
  const admin = new Client({ connectionString: database.adminUrl });
  await admin.connect();
  opened.defer(() => admin.end());
  // A chunk has 64 KiB at most: all of the batch takes 3.2 s, and pg waits for 2.5 s.
  link.setFault({ kind: "delay", ms: 50 });

  const write = createWrite({ database: writer, breaker: createBreaker(() => {}) }, ignoreEvents);
  const items = Array.from({ length: 8 }, (_, index) => createQuarantineItem(index, 512 * 1024));
  const { settled } = await write(items, { batchKeys: [], quarantine: null, giveUp: never });

  const ids = items.map(({ held }) => held.envelope.messageId);
  expect(settled.map(({ envelope }) => envelope.messageId)).toEqual(ids);
  const { rows } = await admin.query("SELECT message_id FROM maskline.quarantine ORDER BY 1");
  expect(rows.map(({ message_id }) => message_id)).toEqual(ids);
});

const ignoreEvents = { wrote() {}, failed() {}, refused() {}, schemaFault() {} };
