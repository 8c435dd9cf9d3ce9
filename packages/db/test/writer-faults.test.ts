import { connectWriter, type DatabaseFault, type Row, type Writer } from "@org/db";
import { createTestDatabase, type TestDatabase } from "@org/local";
import { type AnyContract, login } from "@org/schema";
import { type FaultProxy, startFaultProxy } from "@org/faults/fault-proxy";
import { Client } from "pg";
import { afterEach, beforeEach, expect, inject, it, vi } from "vitest";
import { createBatch, createRows } from "./batches.ts";

let opened: AsyncDisposableStack;
let database: TestDatabase;
let proxy: FaultProxy;
let admin: Client;
let writer: Writer;
let idleFaults: DatabaseFault[];
/** Any would do. */
const contract: AnyContract = login;
const createRow = createRows(contract);

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  database = opened.use(await createTestDatabase(inject("postgresAdminUrl"), "maskline_template"));
  const url = new URL(await database.createLogin("maskline_writer"));
  proxy = opened.use(await startFaultProxy({ host: url.hostname, port: Number(url.port) }));
  url.port = String(proxy.port);
  idleFaults = [];
  writer = opened.use(
    connectWriter({
      connection: { connectionString: url.href },
      contract,
      poolSize: 1,
      // Short, as some tests wait for them; long enough for a slow machine, which is not a silent one.
      connectTimeoutMs: 2_000,
      statementTimeoutMs: 2_000,
      onIdleError: (fault) => idleFaults.push(fault),
    }),
  );
  admin = new Client({ connectionString: database.adminUrl });
  await admin.connect();
  opened.defer(() => admin.end());
});

afterEach(() => opened.disposeAsync());

const transient = { kind: "transient" };

async function rows(): Promise<number> {
  const { rowCount } = await admin.query(`SELECT FROM public.${contract.table}`);
  return rowCount ?? 0;
}

it("a connection that went silent fails in time and is not used again", async () => {
  await writer.check();
  proxy.setFault({ kind: "black_hole" });
  const batch = createBatch({ rows: [createRow()] });
  await expect(writer.write(batch)).rejects.toMatchObject(transient);
  proxy.setFault({ kind: "pass" });
  expect(await writer.write(batch)).toMatchObject({ written: 1 });
});

it("a server that takes connections and says nothing fails in time", async () => {
  proxy.setFault({ kind: "black_hole" });
  await expect(writer.check()).rejects.toMatchObject(transient);
  proxy.setFault({ kind: "pass" });
  await expect(writer.check()).resolves.toMatchObject({ readsMaskedData: false });
});

it("a commit whose answer was lost is found in the ledger when it is repeated", async () => {
  await writer.check();
  const batch = createBatch({ rows: [createRow()] });
  proxy.setFault({ kind: "swallow_response" });
  await expect(writer.write(batch)).rejects.toMatchObject(transient);
  proxy.setFault({ kind: "pass" });
  expect(await writer.write(batch)).toEqual({ written: 0, quarantined: 0, duplicates: 1 });
  expect(await rows()).toBe(1);
});

it("a connection that is reset while it is used fails the write alone", async () => {
  await writer.check();
  proxy.setFault({ kind: "reset" });
  const batch = createBatch({ rows: [createRow()] });
  await expect(writer.write(batch)).rejects.toMatchObject(transient);
  proxy.setFault({ kind: "pass" });
  expect(await writer.write(batch)).toMatchObject({ written: 1 });
});

it("a connection that breaks while it is idle is reported, and replaced", async () => {
  await writer.check();
  await admin.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'maskline-writer' AND datname = current_database()",
  );
  await vi.waitUntil(() => idleFaults.length > 0, { timeout: 20_000 });
  expect(idleFaults[0]).toMatchObject({ kind: "transient", sqlState: "57P01" });
  await expect(writer.check()).resolves.toMatchObject({ readsMaskedData: false });
});

it("a statement that waits too long is cancelled by the server, and nothing of it is written", async () => {
  await admin.query("BEGIN");
  await admin.query("LOCK TABLE maskline.ledger");
  const batch = createBatch({ rows: [createRow()] });
  await expect(writer.write(batch)).rejects.toMatchObject({ ...transient, sqlState: "57014" });
  await admin.query("COMMIT");
  expect(await rows()).toBe(0);
  expect(await writer.write(batch)).toMatchObject({ written: 1 });
});

it("a refused row does not cost the connection", async () => {
  const pid =
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'maskline-writer' AND datname = current_database()";
  await writer.check();
  const before = await admin.query(pid);
  const row = createRow();
  const columns = { ...row.columns, [contract.subject]: "\0" } as Row["columns"];
  const refused = createBatch({ rows: [{ ...row, columns }] });
  await expect(writer.write(refused)).rejects.toMatchObject({ kind: "data" });
  await writer.check();
  expect((await admin.query(pid)).rows).toEqual(before.rows);
});

it("disposing of it cuts off a client that still connects, however long that one might wait", async () => {
  const connected = Promise.withResolvers<void>();
  const url = new URL(await database.createLogin("maskline_writer"));
  await using silence = await startFaultProxy({
    host: url.hostname,
    port: Number(url.port),
    onRequest: () => connected.resolve(),
  });
  silence.setFault({ kind: "black_hole" });
  url.port = String(silence.port);
  const patient = connectWriter({
    connection: { connectionString: url.href },
    contract,
    connectTimeoutMs: 3_600_000,
  });
  const checking = patient.check().catch((error: unknown) => error);
  await connected.promise;
  await patient[Symbol.asyncDispose]();
  expect(await checking).toMatchObject({ ...transient, sqlState: null });
});

it("a server that is not there is transient", async () => {
  await using nowhere = connectWriter({
    connection: { host: "127.0.0.1", port: 1, user: "x" },
    contract,
  });
  await expect(nowhere.check()).rejects.toMatchObject({ ...transient, sqlState: null });
});

it("disposing of it cuts off a statement that hangs, however long that one might wait", async () => {
  const url = await database.createLogin("maskline_writer");
  const patient = connectWriter({
    connection: { connectionString: url },
    contract,
    statementTimeoutMs: 3_600_000,
  });
  await admin.query("BEGIN");
  await admin.query("LOCK TABLE maskline.ledger");
  const writing = patient
    .write(createBatch({ rows: [createRow()] }))
    .catch((error: unknown) => error);
  const waiting = `SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE NOT granted AND datname = current_database()`;
  await vi.waitUntil(async () => (await admin.query(waiting)).rowCount === 1, { timeout: 10_000 });
  await patient[Symbol.asyncDispose]();
  expect(await writing).toMatchObject({ ...transient, sqlState: null });
});

it.each([{ kind: "reset" }, { kind: "truncate", afterBytes: 0 }] as const)(
  "a connection that breaks while its session is set up fails its caller, and nobody else: %o",
  async (fault) => {
    const url = new URL(await database.createLogin("maskline_writer"));
    await using breaking = await startFaultProxy({
      host: url.hostname,
      port: Number(url.port),
      onRequest(bytes, connection) {
        if (bytes.includes("set_config")) connection.setFault(fault);
      },
    });
    url.port = String(breaking.port);
    const connection = { connectionString: url.href };
    await using cut = connectWriter({ connection, contract, connectTimeoutMs: 60_000 });

    await expect(cut.check()).rejects.toMatchObject(transient);
  },
);
