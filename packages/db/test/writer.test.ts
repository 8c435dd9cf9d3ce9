import { randomUUID } from "node:crypto";
import { connectWriter, DatabaseError, type Writer } from "@org/db";
import { createTestDatabase, type TestDatabase } from "@org/local";
import type { Token } from "@org/masking";
import { Client, type QueryResultRow } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import {
  createBatch,
  createBatchKey,
  createLogin,
  createQuarantined,
  lastOfMarchMs,
} from "./batches.ts";

let database: TestDatabase;
let admin: Client;
let writerUrl: string;
let writer: Writer;

beforeAll(async () => {
  database = await createTestDatabase(inject("postgresAdminUrl"), "maskline_template");
  writerUrl = await database.createLogin("maskline_writer");
  writer = connectWriter({ connection: { connectionString: writerUrl } });
  admin = new Client({ connectionString: database.adminUrl });
  await admin.connect();
});

afterAll(async () => {
  await writer[Symbol.asyncDispose]();
  await admin.end();
  await database[Symbol.asyncDispose]();
});

const tables = [
  "public.user_logins",
  "maskline.ledger",
  "maskline.quarantine",
  "maskline.batch_key",
  "maskline.vault",
  "maskline.seed",
] as const;

beforeEach(() => admin.query(`TRUNCATE ${tables.join(", ")}`));

async function read<Row extends QueryResultRow>(text: string): Promise<Row[]> {
  const { rows } = await admin.query<Row>(text);
  return rows;
}

/** Rows per table: logins, ledger, quarantine, batch keys, vault, seeds. */
async function counts(): Promise<number[]> {
  const columns = tables.map((table) => `(SELECT count(*) FROM ${table})::integer`);
  const [row] = await read<{ counts: number[] }>(`SELECT ARRAY[${columns.join(", ")}] AS counts`);
  return row?.counts ?? [];
}

async function refusal(attempt: Promise<unknown>): Promise<DatabaseError> {
  const error: unknown = await attempt.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DatabaseError);
  return error as DatabaseError;
}

describe("write", () => {
  it("stores a login as it was given, and its create_date is the UTC date of sentAtMs", async () => {
    const login = createLogin({
      sentAtMs: lastOfMarchMs,
      locale: null,
      appVersionText: "2.3 é 😀",
    });
    await writer.write(createBatch({ logins: [login] }));
    const [row] = await read<Record<string, unknown>>(
      "SELECT *, create_date::text AS create_date FROM user_logins",
    );
    expect(row).toEqual({
      user_id: login.userId,
      device_type: login.deviceType,
      masked_ip: login.maskedIp,
      masked_device_id: login.maskedDeviceId,
      locale: null,
      app_version: 2,
      create_date: "2026-03-31",
      app_version_text: "2.3 é 😀",
      message_id: login.messageId,
      sent_at: new Date(lastOfMarchMs),
      record_id: login.recordId,
    });
  });

  it("stores the sealed record and the seed under the record's id, apart from each other", async () => {
    const login = createLogin();
    const quarantined = createQuarantined();
    const batchKey = createBatchKey();
    await writer.write({ logins: [login], quarantined: [quarantined], batchKeys: [batchKey] });
    expect(await read("SELECT record_id, sealed FROM maskline.vault")).toEqual([
      { record_id: login.recordId, sealed: Buffer.from(login.vault?.sealed ?? []) },
    ]);
    expect(await read("SELECT record_id, seed FROM maskline.seed ORDER BY record_id")).toEqual([
      { record_id: login.recordId, seed: Buffer.from(login.vault?.seed ?? []) },
      { record_id: quarantined.recordId, seed: Buffer.from(quarantined.seed) },
    ]);
    expect(
      await read(
        "SELECT message_id, record_id, sent_at, reason, sql_state, sealed FROM maskline.quarantine",
      ),
    ).toEqual([
      {
        message_id: quarantined.messageId,
        record_id: quarantined.recordId,
        sent_at: new Date(quarantined.sentAtMs),
        reason: quarantined.reason,
        sql_state: null,
        sealed: Buffer.from(quarantined.sealed),
      },
    ]);
    expect(await read("SELECT id, recipient, sealed FROM maskline.batch_key")).toEqual([
      { ...batchKey, sealed: Buffer.from(batchKey.sealed) },
    ]);
  });

  it("writes neither sealed record nor seed where the vault is off", async () => {
    const batch = createBatch({ logins: [createLogin({ vault: null })], batchKeys: [] });
    expect(await writer.write(batch)).toEqual({ written: 1, quarantined: 0, duplicates: 0 });
    expect(await counts()).toEqual([1, 1, 0, 0, 0, 0]);
  });

  it("writes the same batch once, however often it is sent", async () => {
    const batch = createBatch({ logins: [createLogin()], quarantined: [createQuarantined()] });
    expect(await writer.write(batch)).toEqual({ written: 1, quarantined: 1, duplicates: 0 });
    expect(await writer.write(batch)).toEqual({ written: 0, quarantined: 0, duplicates: 2 });
    expect(await counts()).toEqual([1, 2, 1, 1, 1, 2]);
  });

  it("writes only what is new of a batch that was partly written, under another record id too", async () => {
    const known = createLogin();
    await writer.write(createBatch({ logins: [known] }));
    const again = createLogin({ messageId: known.messageId });
    const result = await writer.write(createBatch({ logins: [again, createLogin()] }));
    expect(result).toEqual({ written: 1, quarantined: 0, duplicates: 1 });
    expect(await counts()).toEqual([2, 2, 0, 2, 2, 2]);
    expect(await read(`SELECT FROM user_logins WHERE record_id = '${again.recordId}'`)).toEqual([]);
  });

  it("leaves no batch key of a batch that claimed nothing", async () => {
    const logins = [createLogin()];
    await writer.write(createBatch({ logins }));
    await writer.write(createBatch({ logins }));
    expect(await counts()).toEqual([1, 1, 0, 1, 1, 1]);
  });

  it("takes the first of two entries with one message id, in whatever case or table", async () => {
    const first = createLogin();
    const copies = {
      logins: [first, first, createLogin({ messageId: first.messageId.toUpperCase() })],
      quarantined: [createQuarantined({ messageId: first.messageId })],
    };
    expect(await writer.write(createBatch(copies))).toEqual({
      written: 1,
      quarantined: 0,
      duplicates: 3,
    });
    expect(await read("SELECT record_id FROM user_logins")).toEqual([
      { record_id: first.recordId },
    ]);
  });

  it("takes a message id that is not a UUID, and knows it again", async () => {
    const logins = [createLogin({ messageId: "not a uuid" })];
    await writer.write(createBatch({ logins }));
    const again = await writer.write(createBatch({ logins }));
    expect(again.duplicates).toBe(1);
  });

  it("a message that was quarantined does not come back as a row", async () => {
    const quarantined = createQuarantined();
    await writer.write(createBatch({ quarantined: [quarantined] }));
    const login = createLogin({ messageId: quarantined.messageId });
    const result = await writer.write(createBatch({ logins: [login] }));
    expect(result).toEqual({ written: 0, quarantined: 0, duplicates: 1 });
  });

  it("writes nothing of an empty batch", async () => {
    expect(await writer.write(createBatch())).toEqual({
      written: 0,
      quarantined: 0,
      duplicates: 0,
    });
    expect(await counts()).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it("waits for its commit to be durable, also where the database's default is not to", async () => {
    await admin.query(`ALTER DATABASE ${database.name} SET synchronous_commit = off`);
    // Deferred, so that it sees the setting under which the transaction is about to commit.
    await admin.query(`
      CREATE TABLE commits (synchronous text);
      CREATE FUNCTION note_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN INSERT INTO commits VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER note_commit AFTER INSERT ON maskline.ledger
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_commit()`);
    await using hasty = connectWriter({ connection: { connectionString: writerUrl } });
    await hasty.write(createBatch({ logins: [createLogin()] }));
    expect(await read("SELECT synchronous FROM commits")).toEqual([{ synchronous: "on" }]);
    await admin.query("DROP TRIGGER note_commit ON maskline.ledger; DROP TABLE commits");
    await admin.query(`ALTER DATABASE ${database.name} RESET synchronous_commit`);
  });

  it("writes 10,000 messages at once", async () => {
    const logins = Array.from({ length: 9_900 }, () => createLogin());
    const quarantined = Array.from({ length: 100 }, () => createQuarantined());
    const result = await writer.write(createBatch({ logins, quarantined }));
    expect(result).toEqual({ written: 9_900, quarantined: 100, duplicates: 0 });
    expect(await counts()).toEqual([9_900, 10_000, 100, 1, 9_900, 10_000]);
  });

  it("adds records in the order of their ids, also once PostgreSQL reuses its plan", async () => {
    for (let batch = 0; batch < 10; batch += 1) {
      const logins = Array.from({ length: 50 }, () => createLogin());
      await writer.write(createBatch({ logins: logins.toReversed() }));
    }
    for (const table of ["user_logins", "maskline.vault", "maskline.seed"]) {
      const rows = await read<{ record_id: string }>(
        `SELECT record_id FROM ${table} ORDER BY ctid`,
      );
      const ids = rows.map((row) => row.record_id);
      expect(ids).toEqual(ids.toSorted());
    }
  });

  it("takes messages of any age: what no month holds goes to the default partition", async () => {
    const logins = [createLogin({ sentAtMs: 0 }), createLogin({ sentAtMs: Date.UTC(2090, 0, 1) })];
    await writer.write(createBatch({ logins }));
    expect(
      await read(
        "SELECT tableoid::regclass::text AS place, create_date::text FROM user_logins ORDER BY 2",
      ),
    ).toEqual([
      { place: "maskline.user_logins_default", create_date: "1970-01-01" },
      { place: "maskline.user_logins_default", create_date: "2090-01-01" },
    ]);
  });

  it("two writers with the same messages in opposite order write each once, without deadlock", async () => {
    await using other = connectWriter({ connection: { connectionString: writerUrl } });
    const logins = Array.from({ length: 500 }, () => createLogin());
    const results = await Promise.all(
      [writer, other, writer, other].map((each, index) =>
        each.write(createBatch({ logins: index % 2 === 0 ? logins : logins.toReversed() })),
      ),
    );
    const written = results.reduce((sum, result) => sum + result.written, 0);
    expect(written).toBe(500);
    expect((await counts())[0]).toBe(500);
  });
});

describe("a row that PostgreSQL refuses", () => {
  const sentinel = "198.51.100.77";
  const refused = {
    "a NUL in a text": { change: { userId: `${sentinel}\0` }, sqlState: "22021" },
    "a text that is too long": {
      change: { maskedIp: sentinel.repeat(30) as Token },
      sqlState: "22001",
    },
    "a missing value": { change: { userId: null as unknown as string }, sqlState: "23502" },
  };

  it.each(Object.entries(refused))("%s: nothing of its batch is written", async (_, fault) => {
    const logins = [createLogin(), createLogin(fault.change), createLogin()];
    const error = await refusal(
      writer.write(createBatch({ logins, quarantined: [createQuarantined()] })),
    );
    expect(error).toMatchObject({ kind: "data", sqlState: fault.sqlState });
    expect(await counts()).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it.each(Object.entries(refused))("%s: the error holds no value", async (_, fault) => {
    const error = await refusal(writer.write(createBatch({ logins: [createLogin(fault.change)] })));
    const told = [error.message, error.stack, JSON.stringify(error), String(error.cause)].join();
    expect(told).not.toContain(sentinel);
    const keys = ["constraint", "kind", "name", "sqlState", "systemCode", "timedOut"];
    expect(Object.keys(error).toSorted()).toEqual(keys);
    expect(error).toMatchObject({ systemCode: null, timedOut: false });
  });

  it("the halves of its batch can be written with the same batch key", async () => {
    const batchKeys = [createBatchKey()];
    const bad = createLogin({ userId: "\0" });
    const good = [createLogin(), createLogin()];
    await refusal(writer.write({ logins: [...good, bad], quarantined: [], batchKeys }));
    for (const login of good) await writer.write({ logins: [login], quarantined: [], batchKeys });
    await writer.write({
      logins: [],
      quarantined: [createQuarantined({ messageId: bad.messageId, sqlState: "22021" })],
      batchKeys,
    });
    expect(await counts()).toEqual([2, 3, 1, 1, 2, 3]);
  });
});

it("refuses an id that is not a UUID before anything is sent", async () => {
  const logins = [createLogin({ recordId: randomUUID().slice(1) })];
  await expect(writer.write(createBatch({ logins }))).rejects.toThrow(TypeError);
});

describe("check", () => {
  it("accepts a writer's login on the current schema", async () => {
    await expect(writer.check()).resolves.toEqual({ readsMaskedData: false });
  });

  it("tells a login that is no writer from a database without the schema", async () => {
    const analystUrl = await database.createLogin("maskline_analyst");
    await using analyst = connectWriter({ connection: { connectionString: analystUrl } });
    expect((await refusal(analyst.check())).message).toMatch(/not a member of maskline_writer/);

    await using empty = await createTestDatabase(inject("postgresAdminUrl"));
    await using elsewhere = connectWriter({ connection: { connectionString: empty.adminUrl } });
    expect((await refusal(elsewhere.check())).message).toMatch(/no Maskline schema/);
  });

  it("refuses a schema older than the program", async () => {
    await admin.query("BEGIN");
    const kept = await read<{ id: number; created_at: string }>(
      "DELETE FROM maskline.schema_version WHERE created_at = (SELECT max(created_at) FROM maskline.schema_version) RETURNING id, hash, created_at",
    );
    await admin.query("COMMIT");
    expect((await refusal(writer.check())).message).toMatch(/older than this program/);
    await admin.query(
      "INSERT INTO maskline.schema_version SELECT * FROM json_populate_recordset(NULL::maskline.schema_version, $1)",
      [JSON.stringify(kept)],
    );
    await writer.check();
  });

  it("calls a server that accepts no writes transient", async () => {
    const readOnlyUrl = await database.createLogin("maskline_writer");
    const login = new URL(readOnlyUrl).username;
    await admin.query(`ALTER ROLE ${login} SET default_transaction_read_only = on`);
    await using readOnly = connectWriter({ connection: { connectionString: readOnlyUrl } });
    expect(await refusal(readOnly.check())).toMatchObject({ kind: "transient", sqlState: "25006" });
    expect(await refusal(readOnly.write(createBatch({ logins: [createLogin()] })))).toMatchObject({
      kind: "transient",
      sqlState: "25006",
    });
  });
});

describe("probe", () => {
  it("passes where writes pass, and leaves nothing", async () => {
    await writer.probe();
    expect(await counts()).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it("fails where every row would, and leaves a connection that works", async () => {
    await admin.query("ALTER TABLE user_logins ADD CONSTRAINT nobody CHECK (false)");
    expect(await refusal(writer.probe())).toMatchObject({ kind: "data", constraint: "nobody" });
    await admin.query("ALTER TABLE user_logins DROP CONSTRAINT nobody");
    await writer.probe();
    await writer.write(createBatch({ logins: [createLogin()] }));
    expect((await counts())[0]).toBe(1);
  });
});
