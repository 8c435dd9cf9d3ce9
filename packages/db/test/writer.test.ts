import { randomUUID } from "node:crypto";
import {
  connectWriter,
  DatabaseError,
  migrate,
  type QuarantineRow,
  type Row,
  type Writer,
} from "@org/db";
import {
  type AnyContract,
  defineContract,
  login,
  optional,
  subject,
  text,
  type Value,
} from "@org/schema";
import { testContracts } from "@org/schema/test-contracts";
import { createTestDatabase } from "@org/local";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import {
  createBatch,
  createBatchKey,
  createQuarantined,
  createRows,
  createToken,
  lastOfMarchMs,
} from "./batches.ts";
import { type Migrated, openMigrated, tablesOf } from "./databases.ts";

async function refusal(attempt: Promise<unknown>): Promise<DatabaseError> {
  const error: unknown = await attempt.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DatabaseError);
  return error as DatabaseError;
}

/** A value as PostgreSQL writes it where dates are ISO and times are UTC. */
function asStored(value: Value | null): string | null {
  if (value === null) return null;
  const instant = /^(\d{4}-\d\d-\d\d)T([\d:]{8}(?:\.\d+)?)Z$/.exec(String(value));
  return instant === null ? String(value) : `${instant[1]} ${instant[2]?.replace(/\.?0+$/, "")}+00`;
}

const anyLogin: AnyContract = login;

describe.each(testContracts)("writing rows of $name", (contract: AnyContract) => {
  let migrated: Migrated;
  let writer: Writer;
  let read: Migrated["read"];
  const table = `public."${contract.table}"`;
  const createRow = createRows(contract);

  beforeAll(async () => {
    migrated = await openMigrated(contract);
    ({ read } = migrated);
    writer = await migrated.openWriter(contract);
    await read("SET timezone = 'UTC'");
  });

  afterAll(() => migrated[Symbol.asyncDispose]());

  beforeEach(() => read(`TRUNCATE ${tablesOf(contract).join(", ")}`));

  /** Rows, ledger, quarantine, batch keys, vault, seeds. */
  async function counts(): Promise<number[]> {
    const columns = tablesOf(contract).map((each) => `(SELECT count(*) FROM ${each})::integer`);
    const [row] = await read<{ counts: number[] }>(`SELECT ARRAY[${columns.join(", ")}] AS counts`);
    return row?.counts ?? [];
  }

  it("stores every value as it was given, and its create_date is the UTC date of sentAtMs", async () => {
    const rows = Array.from({ length: 50 }, () => createRow({ sentAtMs: lastOfMarchMs }));
    await writer.write(createBatch({ rows }));
    const names = contract.columns.map(({ name }) => `"${name}"::text`);
    const stored = await read<Record<string, string | null>>(
      `SELECT ${names.join(", ")} FROM ${table} ORDER BY record_id`,
    );
    expect(stored).toEqual(
      rows.map((row) => ({
        ...Object.fromEntries(
          Object.entries(row.columns).map(([name, value]) => [name, asStored(value)]),
        ),
        create_date: "2026-03-31",
        message_id: row.messageId,
        sent_at: "2026-03-31 23:59:59.999+00",
        record_id: row.recordId,
      })),
    );
  });

  it("stores the sealed record and the seed under the record's id, apart from each other", async () => {
    const row = createRow();
    const quarantined = createQuarantined();
    const batchKey = createBatchKey();
    await writer.write({ rows: [row], quarantined: [quarantined], batchKeys: [batchKey] });
    expect(await read("SELECT record_id, sealed FROM maskline.vault")).toEqual([
      { record_id: row.recordId, sealed: Buffer.from(row.vault?.sealed ?? []) },
    ]);
    expect(await read("SELECT record_id, seed FROM maskline.seed ORDER BY record_id")).toEqual([
      { record_id: row.recordId, seed: Buffer.from(row.vault?.seed ?? []) },
      { record_id: quarantined.recordId, seed: Buffer.from(quarantined.seed) },
    ]);
    expect(
      await read(
        "SELECT message_id, record_id, sent_at, contract, reason, sql_state, sealed FROM maskline.quarantine",
      ),
    ).toEqual([
      {
        message_id: quarantined.messageId,
        record_id: quarantined.recordId,
        sent_at: new Date(quarantined.sentAtMs),
        contract: contract.name,
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
    const batch = createBatch({ rows: [createRow({ vault: null })], batchKeys: [] });
    expect(await writer.write(batch)).toEqual({ written: 1, quarantined: 0, duplicates: 0 });
    expect(await counts()).toEqual([1, 1, 0, 0, 0, 0]);
  });

  it("writes of a batch that is sealed in part what is there", async () => {
    const sealed = createRow();
    await writer.write(createBatch({ rows: [createRow({ vault: null }), sealed] }));
    expect(await counts()).toEqual([2, 2, 0, 1, 1, 1]);
    expect(await read("SELECT record_id FROM maskline.seed")).toEqual([
      { record_id: sealed.recordId },
    ]);
  });

  it("writes a batch of quarantined messages alone", async () => {
    const quarantined = [createQuarantined(), createQuarantined()];
    expect(await writer.write(createBatch({ quarantined }))).toEqual({
      written: 0,
      quarantined: 2,
      duplicates: 0,
    });
    expect(await counts()).toEqual([0, 2, 2, 1, 0, 2]);
  });

  it("writes the same batch once, however often it is sent", async () => {
    const batch = createBatch({ rows: [createRow()], quarantined: [createQuarantined()] });
    expect(await writer.write(batch)).toEqual({ written: 1, quarantined: 1, duplicates: 0 });
    expect(await writer.write(batch)).toEqual({ written: 0, quarantined: 0, duplicates: 2 });
    expect(await counts()).toEqual([1, 2, 1, 1, 1, 2]);
  });

  it("writes only what is new of a batch that was partly written, under another record id too", async () => {
    const known = createRow();
    await writer.write(createBatch({ rows: [known] }));
    const again = createRow({ messageId: known.messageId });
    const result = await writer.write(createBatch({ rows: [again, createRow()] }));
    expect(result).toEqual({ written: 1, quarantined: 0, duplicates: 1 });
    expect(await counts()).toEqual([2, 2, 0, 2, 2, 2]);
    expect(await read(`SELECT FROM ${table} WHERE record_id = '${again.recordId}'`)).toEqual([]);
  });

  it("leaves no batch key of a batch that claimed nothing", async () => {
    const rows = [createRow()];
    await writer.write(createBatch({ rows }));
    await writer.write(createBatch({ rows }));
    expect(await counts()).toEqual([1, 1, 0, 1, 1, 1]);
  });

  it("takes the first of two entries with one message id, in whatever case or table", async () => {
    const first = createRow();
    const copies = {
      rows: [first, first, createRow({ messageId: first.messageId.toUpperCase() })],
      quarantined: [createQuarantined({ messageId: first.messageId })],
    };
    expect(await writer.write(createBatch(copies))).toEqual({
      written: 1,
      quarantined: 0,
      duplicates: 3,
    });
    expect(await read(`SELECT record_id FROM ${table}`)).toEqual([{ record_id: first.recordId }]);
  });

  it("a message that was quarantined does not come back as a row", async () => {
    const quarantined = createQuarantined();
    await writer.write(createBatch({ quarantined: [quarantined] }));
    const row = createRow({ messageId: quarantined.messageId });
    const result = await writer.write(createBatch({ rows: [row] }));
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

  it("adds records in the order of their ids, also once PostgreSQL reuses its plan", async () => {
    const filled = [table, "maskline.vault", "maskline.seed"];
    for (const each of filled) {
      await read(`ALTER TABLE ${each} ADD COLUMN arrived_at timestamptz DEFAULT clock_timestamp()`);
    }
    for (let batch = 0; batch < 10; batch += 1) {
      const rows = Array.from({ length: 50 }, () => createRow());
      await writer.write(createBatch({ rows: rows.toReversed() }));
    }
    for (const each of filled) {
      const rows = await read<{ record_id: string }>(
        `SELECT record_id FROM ${each} ORDER BY arrived_at`,
      );
      const ids = rows.map((row) => row.record_id);
      expect(ids).toHaveLength(500);
      expect(ids).toEqual(ids.toSorted());
      await read(`ALTER TABLE ${each} DROP COLUMN arrived_at`);
    }
  });

  it("takes messages of any age: what no month holds goes to the default partition", async () => {
    const rows = [createRow({ sentAtMs: 0 }), createRow({ sentAtMs: Date.UTC(2090, 0, 1) })];
    await writer.write(createBatch({ rows }));
    expect(
      await read(
        `SELECT tableoid::regclass::text AS place, create_date::text FROM ${table} ORDER BY 2`,
      ),
    ).toEqual([
      { place: `maskline.${contract.table}_default`, create_date: "1970-01-01" },
      { place: `maskline.${contract.table}_default`, create_date: "2090-01-01" },
    ]);
  });

  describe("a row that PostgreSQL refuses", () => {
    const sentinel = "198.51.100.77";
    const token = contract.columns.find(({ from }) => from.kind === "token")?.name ?? "";
    const refused = {
      "a NUL in a text": { value: `${sentinel}\0`, sqlState: "22021" },
      "a text that is too long": { value: sentinel.repeat(30), sqlState: "22001" },
      "a missing value": { value: null, sqlState: "23502" },
    };
    const spoiled = (value: unknown): Row => {
      const row = createRow();
      return { ...row, columns: { ...row.columns, [token]: value } as Row["columns"] };
    };

    it.each(Object.entries(refused))("%s: nothing of its batch is written", async (_, fault) => {
      const rows = [createRow(), spoiled(fault.value), createRow()];
      const error = await refusal(
        writer.write(createBatch({ rows, quarantined: [createQuarantined()] })),
      );
      expect(error).toMatchObject({ kind: "data", sqlState: fault.sqlState });
      expect(await counts()).toEqual([0, 0, 0, 0, 0, 0]);
    });

    it.each(Object.entries(refused))("%s: the error holds no value", async (_, fault) => {
      const error = await refusal(writer.write(createBatch({ rows: [spoiled(fault.value)] })));
      const told = [error.message, error.stack, JSON.stringify(error), String(error.cause)].join();
      expect(told).not.toContain(sentinel);
      const keys = ["constraint", "kind", "name", "reason", "sqlState", "systemCode", "timedOut"];
      expect(Object.keys(error).toSorted()).toEqual(keys);
      expect(error).toMatchObject({ systemCode: null, timedOut: false });
    });

    it("the halves of its batch can be written with the same batch key", async () => {
      const batchKeys = [createBatchKey()];
      const bad = spoiled("\0");
      const good = [createRow(), createRow()];
      await refusal(writer.write({ rows: [...good, bad], quarantined: [], batchKeys }));
      for (const row of good) await writer.write({ rows: [row], quarantined: [], batchKeys });
      await writer.write({
        rows: [],
        quarantined: [createQuarantined({ messageId: bad.messageId, sqlState: "22021" })],
        batchKeys,
      });
      expect(await counts()).toEqual([2, 3, 1, 1, 2, 3]);
    });
  });

  describe("probe", () => {
    it("passes where writes pass, and leaves nothing", async () => {
      await writer.probe();
      expect(await counts()).toEqual([0, 0, 0, 0, 0, 0]);
    });

    it("fails where every row would, and leaves a connection that works", async () => {
      await read(`ALTER TABLE ${table} ADD CONSTRAINT nobody CHECK (false)`);
      expect(await refusal(writer.probe())).toMatchObject({ kind: "data", constraint: "nobody" });
      await read(`ALTER TABLE ${table} DROP CONSTRAINT nobody`);
      await writer.probe();
      await writer.write(createBatch({ rows: [createRow()] }));
      expect((await counts())[0]).toBe(1);
    });
  });
});

describe("any contract", () => {
  let migrated: Migrated;
  let writer: Writer;
  const createRow = createRows(login);

  beforeAll(async () => {
    migrated = await openMigrated();
    writer = await migrated.openWriter(login);
  });

  afterAll(() => migrated[Symbol.asyncDispose]());

  beforeEach(() => migrated.read(`TRUNCATE ${tablesOf(login).join(", ")}`));

  async function written(): Promise<number> {
    const [row] = await migrated.read<{ count: number }>(
      `SELECT count(*)::integer AS count FROM ${tablesOf(login)[0]}`,
    );
    return row?.count ?? 0;
  }

  it("takes a message id that is not a UUID, and knows it again", async () => {
    const rows = [createRow({ messageId: "not a uuid" })];
    await writer.write(createBatch({ rows }));
    const again = await writer.write(createBatch({ rows }));
    expect(again.duplicates).toBe(1);
  });

  it("waits for its commit to be durable, also where the database's default is not to", async () => {
    const { database, read } = migrated;
    await read(`ALTER DATABASE ${database.name} SET synchronous_commit = off`);
    // Deferred, so that it sees the setting under which the transaction is about to commit.
    await read(`
      CREATE TABLE public.commits (synchronous text);
      CREATE FUNCTION public.note_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN INSERT INTO public.commits VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER note_commit AFTER INSERT ON maskline.ledger
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.note_commit()`);
    const hasty = await migrated.openWriter(login);
    await hasty.write(createBatch({ rows: [createRow()] }));
    expect(await read("SELECT synchronous FROM public.commits")).toEqual([{ synchronous: "on" }]);
    await read("DROP TRIGGER note_commit ON maskline.ledger; DROP TABLE public.commits");
    await read(`ALTER DATABASE ${database.name} RESET synchronous_commit`);
  });

  it("relies on no setting of the database or the login", async () => {
    const { database, read } = migrated;
    const url = await database.createLogin("maskline_writer");
    const strange = [
      "search_path = '\"$user\"'",
      "DateStyle = 'German'",
      "TimeZone = 'Asia/Kathmandu'",
      "client_encoding = 'LATIN1'",
      "bytea_output = 'escape'",
      "IntervalStyle = 'sql_standard'",
    ];
    for (const setting of strange) {
      await read(`ALTER ROLE ${new URL(url).username} IN DATABASE ${database.name} SET ${setting}`);
    }
    await using unsettled = connectWriter({
      connection: { connectionString: url },
      contract: anyLogin,
    });
    await unsettled.check();
    await unsettled.probe();
    const quarantined: QuarantineRow[] = [createQuarantined({ sentAtMs: lastOfMarchMs })];
    const rows = [createRow({ sentAtMs: lastOfMarchMs })];
    expect(await unsettled.write(createBatch({ rows, quarantined }))).toMatchObject({
      written: 1,
      quarantined: 1,
    });
    expect(
      await read("SELECT create_date::text FROM maskline.quarantine WHERE sent_at = $1", [
        new Date(lastOfMarchMs),
      ]),
    ).toEqual([{ create_date: "2026-03-31" }]);
  });

  it("writes 10,000 messages at once", async () => {
    const rows = Array.from({ length: 9_900 }, () => createRow());
    const quarantined = Array.from({ length: 100 }, () => createQuarantined());
    const result = await writer.write(createBatch({ rows, quarantined }));
    expect(result).toEqual({ written: 9_900, quarantined: 100, duplicates: 0 });
    expect(await written()).toBe(9_900);
  });

  it("two writers with the same messages in opposite order write each once, without deadlock", async () => {
    const other = await migrated.openWriter(login);
    const rows = Array.from({ length: 500 }, () => createRow());
    const results = await Promise.all(
      [writer, other, writer, other].map((each, index) =>
        each.write(createBatch({ rows: index % 2 === 0 ? rows : rows.toReversed() })),
      ),
    );
    expect(results.reduce((sum, result) => sum + result.written, 0)).toBe(500);
    expect(await written()).toBe(500);
  });

  it("refuses an id that is not a UUID before anything is sent", async () => {
    const rows = [createRow({ recordId: randomUUID().slice(1) })];
    await expect(writer.write(createBatch({ rows }))).rejects.toThrow(TypeError);
  });

  it("decides a message once, whichever contract's consumer has it", async () => {
    const note = defineContract({
      name: "note",
      table: "notes",
      fields: { person: subject(text({ max: 36 })) },
    });
    await using both = await openMigrated(note);
    const ofLogins = await both.openWriter(login);
    const ofNotes = await both.openWriter(note);
    const row = createRow();
    await ofLogins.write(createBatch({ rows: [row] }));
    const copy = createRows(note)({ messageId: row.messageId });
    expect(await ofNotes.write(createBatch({ rows: [copy] }))).toMatchObject({ duplicates: 1 });
    expect(await both.read("SELECT FROM public.notes")).toEqual([]);
  });
});

describe("check", () => {
  let migrated: Migrated;
  let writer: Writer;

  beforeAll(async () => {
    migrated = await openMigrated();
    writer = await migrated.openWriter(login);
  });

  afterAll(() => migrated[Symbol.asyncDispose]());

  it("accepts a writer's login on the current schema", async () => {
    await expect(writer.check()).resolves.toMatchObject({
      readsMaskedData: false,
      preparesTransactions: false,
    });
  });

  it("names the logins that ask for originals and read the rows as well", async () => {
    const nameOf = async (role: string): Promise<string> =>
      new URL(await migrated.database.createLogin(role)).username;
    const [both, one] = [await nameOf("maskline_requester"), await nameOf("maskline_requester")];
    await migrated.read(`GRANT maskline_analyst TO ${both}`);
    const { readingRequesters } = await writer.check();
    expect(readingRequesters).toContain(both);
    expect(readingRequesters).not.toContain(one);
    await migrated.read(`DROP ROLE ${both}`);
    await migrated.read(`DROP ROLE ${one}`);
  });

  it("tells a login that is no writer from a database without the schema", async () => {
    const connectionString = await migrated.database.createLogin("maskline_analyst");
    await using analyst = connectWriter({ connection: { connectionString }, contract: anyLogin });
    expect((await refusal(analyst.check())).message).toMatch(/not a member of maskline_writer/);

    await using empty = await createTestDatabase(inject("postgresAdminUrl"));
    await using elsewhere = connectWriter({
      connection: { connectionString: empty.adminUrl },
      contract: anyLogin,
    });
    expect((await refusal(elsewhere.check())).message).toMatch(/no Maskline schema/);
  });

  it("refuses a schema older than the program", async () => {
    const kept = await migrated.read(
      "DELETE FROM maskline.schema_version WHERE version = (SELECT max(version) FROM maskline.schema_version) RETURNING *",
    );
    expect((await refusal(writer.check())).message).toMatch(/older than this program/);
    await migrated.read(
      "INSERT INTO maskline.schema_version SELECT * FROM json_populate_recordset(NULL::maskline.schema_version, $1)",
      [JSON.stringify(kept)],
    );
    await writer.check();
  });

  it("takes a schema newer than the program, as going back finds it", async () => {
    await migrated.read(
      "INSERT INTO maskline.schema_version (version, name) SELECT max(version) + 1, 'later' FROM maskline.schema_version",
    );
    await expect(writer.check()).resolves.toMatchObject({ additions: [] });
    await migrated.read("DELETE FROM maskline.schema_version WHERE name = 'later'");
  });

  it("tells of a writer that can read tokens", async () => {
    const connectionString = await migrated.database.createLogin("maskline_writer");
    const { username } = new URL(connectionString);
    await migrated.read(`GRANT maskline_analyst TO ${username}`);
    await using curious = connectWriter({ connection: { connectionString }, contract: anyLogin });
    expect(await curious.check()).toMatchObject({ readsMaskedData: true });
  });

  it("refuses a database in another encoding", async () => {
    const { read } = migrated;
    await read("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    const connectionString = migrated.database.adminUrl.replace(/[^/]*$/, "latin");
    await using writing = connectWriter({ connection: { connectionString }, contract: anyLogin });
    expect((await refusal(writing.check())).message).toMatch(/no Maskline schema/);
    await read("DROP DATABASE latin WITH (FORCE)");
  });

  it("calls a server that accepts no writes transient", async () => {
    const connectionString = await migrated.database.createLogin("maskline_writer");
    await migrated.read(
      `ALTER ROLE ${new URL(connectionString).username} SET default_transaction_read_only = on`,
    );
    await using readOnly = connectWriter({ connection: { connectionString }, contract: anyLogin });
    expect(await refusal(readOnly.check())).toMatchObject({ kind: "transient", sqlState: "25006" });
    const rows = [createRows(login)()];
    expect(await refusal(readOnly.write(createBatch({ rows })))).toMatchObject({
      kind: "transient",
      sqlState: "25006",
    });
  });

  describe("of a contract that differs from the database", () => {
    const person = subject(text({ max: 36 }));
    const note = (change: object, table = "notes"): AnyContract =>
      defineContract({ name: table.replace(/s$/, ""), table, fields: { person, ...change } });
    const plain = text({ max: 32 });
    let known: Migrated;

    beforeAll(async () => {
      known = await openMigrated(note({ title: plain }));
    });

    afterAll(() => known[Symbol.asyncDispose]());

    async function difference(contract: AnyContract): Promise<string> {
      const other = await known.openWriter(contract);
      return (await refusal(other.check())).message;
    }

    it("says where they differ", async () => {
      expect(await difference(note({ title: plain, more: plain }))).toContain(
        "column more is missing",
      );
      expect(await difference(note({}))).toContain("column title is not in the contract");
      expect(await difference(note({ title: text({ max: 33 }) }))).toContain(
        "column title is character varying(32), not character varying(33)",
      );
      expect(await difference({ ...note({ title: plain }), name: "other" })).toContain(
        "never migrated to this contract",
      );
      expect(await difference({ ...note({ title: plain }), table: "elsewhere" })).toContain(
        "its rows are in notes",
      );
      expect(await difference({ ...note({ title: plain }), subject: "title" })).toContain(
        "the subject there is person",
      );
    });

    it("sees what somebody did to the table", async () => {
      await known.read("ALTER TABLE public.notes RENAME COLUMN title TO heading");
      expect(await difference(note({ title: plain }))).toContain("column title is gone");
      await known.read("ALTER TABLE public.notes RENAME COLUMN heading TO title");
      expect(await difference(note({ title: optional(plain) }))).toContain(
        "column title is NOT NULL",
      );
    });

    it("lets a consumer of before write beside one of after, and tells what the table has more", async () => {
      const before = note({ title: plain }, "beside");
      const after = note({ title: text({ max: 64 }), more: plain }, "beside");
      for (const contract of [before, after]) {
        await migrate(known.database.adminUrl, { contract });
      }
      const [old, young] = await Promise.all([before, after].map(known.openWriter));
      expect(await old?.check()).toMatchObject({
        additions: [
          "column title is character varying(64), not character varying(32)",
          "column more is not in the contract",
        ],
      });
      expect(await young?.check()).toMatchObject({ additions: [] });
      await old?.write(createBatch({ rows: [createRows(before)()] }));
      await young?.write(createBatch({ rows: [createRows(after)()] }));
      expect(await known.read("SELECT more IS NULL AS none FROM beside ORDER BY none")).toEqual([
        { none: false },
        { none: true },
      ]);
    });

    it("takes a column that is nobody's", async () => {
      await known.read("ALTER TABLE public.notes ADD COLUMN remark text");
      const writing = await known.openWriter(note({ title: plain }));
      await expect(writing.check()).resolves.toMatchObject({ readsMaskedData: false });
    });
  });
});

it("a token of the test's is one that a column takes", () => {
  expect(createToken()).toMatch(/^mk1\.k1\.[\w-]{43}$/);
});
