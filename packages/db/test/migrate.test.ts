import {
  connectWriter,
  DatabaseError,
  migrate,
  MigrationRefusedError,
  type MigrateResult,
  MissingRightsError,
  planMigration,
  roles,
  type Row,
} from "@org/db";
import { type LocalPostgres, startPostgres } from "@org/local";
import {
  type AnyContract,
  bigint,
  defineContract,
  type FieldSpec,
  integer,
  login,
  masked,
  optional,
  subject,
  text,
  uuid,
} from "@org/schema";
import { testContracts } from "@org/schema/test-contracts";
import { Client, type QueryResultRow } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { migrations } from "../src/schema-version.ts";
import { createBatch, createRows } from "./batches.ts";

const allMigrations = migrations.map(({ tag }) => tag);

/** A cluster of its own, as a managed provider hands it over: roles are made but once in a cluster. */
let postgres: LocalPostgres;

beforeAll(async () => {
  postgres = await startPostgres({ settings: { fsync: "off" } });
});

afterAll(() => postgres[Symbol.asyncDispose]());

async function administer(statements: readonly string[], database = "postgres"): Promise<void> {
  const client = new Client({ connectionString: postgres.url({ database }) });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

const urlOf = (user: string, database: string): string =>
  postgres.url({ user, password: "secret", database });

async function refusal(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    () => null,
    (error: unknown) => error,
  );
}

describe("migrate", () => {
  it("needs no superuser, and is safe at once: in one database, and in several of one cluster", async () => {
    const databases = ["one", "two", "three", "four"];
    await administer([
      "CREATE ROLE deploy LOGIN CREATEROLE PASSWORD 'secret'",
      ...databases.map((name) => `CREATE DATABASE ${name} OWNER deploy`),
    ]);
    const runs = databases.flatMap((name) => [urlOf("deploy", name), urlOf("deploy", name)]);
    const results = await Promise.all(runs.map((url) => migrate(url, { contract: login })));
    for (const [index] of databases.entries()) {
      const pair: MigrateResult[] = results.slice(2 * index, 2 * index + 2);
      expect(pair.flatMap(({ applied }) => applied)).toEqual(allMigrations);
    }
  });

  it("applies nothing the second time", async () => {
    expect(await migrate(urlOf("deploy", "one"), { contract: login })).toEqual({
      applied: [],
      changes: [],
    });
  });

  it("leaves the months ahead ready, also when there was nothing to apply", async () => {
    const client = new Client({ connectionString: urlOf("deploy", "one") });
    await client.connect();
    const newest =
      "SELECT max(relname) AS name FROM pg_class WHERE relname ~ '^vault_\\d{4}_\\d{2}$'";
    const before = await client.query<{ name: string }>(newest);
    await client.query(`DROP TABLE maskline.${before.rows[0]?.name ?? ""}`);
    await migrate(urlOf("deploy", "one"), { contract: login });
    const after = await client.query<{ name: string }>(newest);
    await client.end();
    expect(after.rows).toEqual(before.rows);
  });
});

/** Before PostgreSQL 15, everybody may make tables there. */
async function publicGrants(): Promise<string[]> {
  const [server] = await readAs<{ version: number }>(
    postgres.adminUrl,
    "SELECT current_setting('server_version_num')::integer AS version",
  );
  const isOpen = (server?.version ?? 0) < 150_000;
  return isOpen ? [] : ["GRANT USAGE, CREATE ON SCHEMA public TO maskline_owner"];
}

describe("a login that lacks rights", () => {
  it("is told the SQL that an administrator must run, all of it, and with it succeeds", async () => {
    await administer(["CREATE ROLE plain LOGIN PASSWORD 'secret'", 'CREATE DATABASE "odd name"']);
    const url = urlOf("plain", "odd name");
    const error = await refusal(migrate(url, { contract: login }));
    expect(error).toBeInstanceOf(MissingRightsError);
    const { statements, message } = error as MissingRightsError;
    expect(statements).toEqual([
      "GRANT maskline_owner TO plain",
      'GRANT CREATE ON DATABASE "odd name" TO maskline_owner',
      ...(await publicGrants()),
      'ALTER DATABASE "odd name" SET log_parameter_max_length = 0',
    ]);
    for (const statement of statements) expect(message).toContain(`${statement};`);

    await administer(statements, "odd name");
    expect(await migrate(url, { contract: login })).toMatchObject({ applied: allMigrations });
  });

  it("is told of the roles too, where the cluster has none", async () => {
    await using bare = await startPostgres({ settings: { fsync: "off" } });
    const client = new Client({ connectionString: bare.adminUrl });
    await client.connect();
    await client.query("CREATE ROLE plain LOGIN PASSWORD 'secret'");
    const error = await refusal(
      migrate(bare.url({ user: "plain", password: "secret" }), { contract: login }),
    );
    expect(error).toBeInstanceOf(MissingRightsError);
    const { statements } = error as MissingRightsError;
    for (const role of roles) expect(statements).toContain(`CREATE ROLE ${role} NOLOGIN`);
    for (const statement of statements) await client.query(statement);
    await client.end();
    const { applied } = await migrate(bare.url({ user: "plain", password: "secret" }), {
      contract: login,
    });
    expect(applied).toEqual(allMigrations);
  });
});

describe("a fault", () => {
  it("is reduced to what is safe to print: no host, login or password", async () => {
    const error = await refusal(
      migrate("postgres://sentinel:sentinel@127.0.0.1:1/sentinel", { contract: login }),
    );
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({ kind: "transient", sqlState: null });
    expect(String((error as Error).stack)).not.toContain("sentinel");
  });

  it("leaves nothing half-done: all of a run is one transaction", async () => {
    await administer(["CREATE DATABASE broken OWNER deploy"]);
    // The last migrations' schema is taken.
    await administer(["CREATE SCHEMA recovery"], "broken");
    const url = urlOf("deploy", "broken");
    const error = await refusal(migrate(url, { contract: login }));
    expect(error).toMatchObject({ kind: "unknown", sqlState: "42P06" });
    const made = "SELECT FROM pg_namespace WHERE nspname = 'maskline'";
    expect(await readAs(url, made)).toEqual([]);
    await administer(["DROP SCHEMA recovery"], "broken");
    expect(await migrate(url, { contract: login })).toMatchObject({ applied: allMigrations });
  });

  it("of a schema that somebody else made first is told, and nothing is made in it", async () => {
    await administer(["CREATE DATABASE taken OWNER deploy", "CREATE ROLE squatter"]);
    await administer(["CREATE SCHEMA maskline AUTHORIZATION squatter"], "taken");
    for (const run of [migrate, planMigration]) {
      const error = await refusal(run(urlOf("deploy", "taken"), { contract: login }));
      expect(error).toBeInstanceOf(MigrationRefusedError);
      expect(String(error)).toContain("squatter's");
    }
  });

  it("of the database's encoding is told with what to do, before anything is made", async () => {
    await administer([
      "CREATE DATABASE latin OWNER deploy ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0",
    ]);
    for (const run of [migrate, planMigration]) {
      const error = await refusal(run(urlOf("deploy", "latin"), { contract: login }));
      expect(error).toBeInstanceOf(MigrationRefusedError);
      expect(String(error)).toContain("is LATIN1: make one with CREATE DATABASE");
    }
  });

  it("of settings that a database or a login has is none", async () => {
    await administer([
      "CREATE DATABASE strange OWNER deploy",
      "ALTER DATABASE strange SET search_path = ''",
      "ALTER DATABASE strange SET DateStyle = 'German'",
      "ALTER DATABASE strange SET client_encoding = 'LATIN1'",
    ]);
    await administer(["CREATE SCHEMA deploy AUTHORIZATION deploy"], "strange");
    const url = urlOf("deploy", "strange");
    await migrate(url, { contract: login });
    const inOther = `SELECT relname FROM pg_catalog.pg_class
      WHERE relnamespace = 'deploy'::regnamespace`;
    expect(await readAs(url, inOther)).toEqual([]);
  });

  it("nobody without the owner's rights can make a migration wait", async () => {
    const url = urlOf("deploy", "one");
    await administer(["CREATE ROLE nosy LOGIN PASSWORD 'secret' IN ROLE maskline_analyst"]);
    const nosy = new Client({ connectionString: urlOf("nosy", "one") });
    await nosy.connect();
    // Every advisory lock of one key that anybody might have thought of.
    await nosy.query("SELECT pg_advisory_lock(1835103083)");
    await nosy.query(
      "SELECT pg_advisory_lock(hashtext(name)) FROM unnest(ARRAY['maskline', 'maskline.ensure_partitions']) AS name",
    );
    expect(await migrate(url, { contract: login })).toEqual({ applied: [], changes: [] });
    await nosy.end();
  });
});

const url = (database: string): string => postgres.url({ database });

/** A contract of the tests' own. */
function note(fields: Readonly<Record<string, FieldSpec>>, change = {}): AnyContract {
  return defineContract({
    name: "note",
    table: "notes",
    fields: { person: subject(text({ max: 36 })), ...fields },
    ...change,
  });
}

async function readAs<Line extends QueryResultRow>(url: string, sql: string): Promise<Line[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Line>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function write(database: string, contract: AnyContract): Promise<Row> {
  await using writer = connectWriter({
    connection: { connectionString: url(database) },
    contract,
  });
  await writer.check();
  const row = createRows(contract)();
  await writer.write(createBatch({ rows: [row] }));
  return row;
}

describe("a contract", () => {
  const title = text({ max: 32 });
  const secret = masked("exact/1");
  const first = note({ title, secret });

  async function open(database: string, contract: AnyContract = first): Promise<string> {
    await administer([`CREATE DATABASE ${database}`]);
    await migrate(url(database), { contract });
    return url(database);
  }

  it("of any kind gets its table, side by side with others, and a writer finds it as it should be", async () => {
    await administer(["CREATE DATABASE contracts"]);
    for (const contract of testContracts) {
      await migrate(url("contracts"), { contract });
      await write("contracts", contract);
      expect(await migrate(url("contracts"), { contract })).toEqual({ applied: [], changes: [] });
    }
    const kept = await readAs<{ name: string; tokens: object }>(
      url("contracts"),
      "SELECT name, tokens FROM maskline.contract",
    );
    for (const contract of testContracts) {
      const { tokens } = kept.find(({ name }) => name === contract.name) ?? {};
      expect(Object.keys(tokens ?? {}).toSorted()).toEqual(
        Object.keys(contract.tokenFields).toSorted(),
      );
    }
  });

  it("that grew is followed: fields added, texts longer, fields optional; rows stay", async () => {
    const database = "grown";
    await open(database);
    const before = await write(database, first);
    const wider = note({
      title: optional(text({ max: 64 })),
      secret,
      mail: optional(masked("email/1", { views: { mail_text: "exact/1" } })),
      points: optional(bigint()),
    });
    const { changes } = await migrate(url(database), { contract: wider });
    expect(changes.filter((change) => change.startsWith("ALTER"))).toHaveLength(5);
    const after = await write(database, wider);
    const rows = await readAs<{ record_id: string; title: string; masked_mail: string | null }>(
      url(database),
      "SELECT record_id, title, masked_mail FROM public.notes ORDER BY record_id",
    );
    expect(rows.map(({ record_id }) => record_id)).toEqual([before.recordId, after.recordId]);
    expect(rows[0]?.masked_mail).toBeNull();
    const [known] = await readAs<{ tokens: object; masked_fields: string[] }>(
      url(database),
      "SELECT tokens, masked_fields FROM maskline.contract WHERE name = 'note'",
    );
    expect(known).toEqual({
      tokens: { secret: "masked_secret", mail: "masked_mail", mail_text: "masked_mail_text" },
      masked_fields: ["secret", "mail"],
    });
  });

  it("that asks more of a message than before takes rows of before and consumers of before as they are", async () => {
    const database = "required";
    await open(database);
    const before = note({ title, secret, remark: optional(text({ max: 5 })) });
    await migrate(url(database), { contract: before });
    await using running = connectWriter({
      connection: { connectionString: url(database) },
      contract: before,
    });
    const createRow = createRows(before);
    await running.write(createBatch({ rows: [createRow()] }));
    const after = note({
      title,
      secret,
      remark: text({ max: 5 }),
      grade: integer(),
      mail: masked("email/1"),
    });
    await migrate(url(database), { contract: after });
    await write(database, after);
    await running.write(createBatch({ rows: [createRow()] }));
    expect(
      await readAs(
        url(database),
        "SELECT count(*)::integer AS rows, count(grade)::integer AS graded FROM public.notes",
      ),
    ).toEqual([{ rows: 3, graded: 1 }]);
  });

  it.each<[string, () => AnyContract, string]>([
    ["loses a field", () => note({ secret }), "title is in the table and would be written no more"],
    [
      "shortens a text",
      () => note({ title: text({ max: 31 }), secret }),
      "would change what is stored",
    ],
    ["changes a type", () => note({ title: uuid(), secret }), "would change what is stored"],
    [
      "masks what was plain",
      () => note({ title: masked("exact/1", { column: "title" }), secret }),
      "title holds field title, and would hold token title under exact/1",
    ],
    [
      "stores what was masked",
      () => note({ title, secret: text({ max: 256, column: "masked_secret" }) }),
      "masked_secret holds token secret under exact/1, and would hold field secret",
    ],
    [
      "changes a norm",
      () => note({ title, secret: masked("digits/1") }),
      "masked_secret holds token secret under exact/1, and would hold token secret under digits/1",
    ],
    [
      "swaps two fields",
      () =>
        note({
          title: text({ max: 32, column: "masked_secret" }),
          secret: masked("exact/1", { column: "title" }),
        }),
      "would hold",
    ],
    [
      "changes its subject",
      () =>
        defineContract({
          name: "note",
          table: "notes",
          fields: {
            person: text({ max: 36 }),
            title: subject(title),
            secret,
            remark: optional(text({ max: 5 })),
          },
        }),
      "The subject was person",
    ],
    [
      "moves to another table",
      () => note({ title, secret }, { table: "other_notes" }),
      "are in notes, and sealed under its name",
    ],
    [
      "takes another contract's table",
      () => note({ title, secret }, { name: "memo" }),
      "is the table of contract note: give this one another table",
    ],
    [
      "takes a table that is there",
      () => note({ title, secret }, { name: "memo", table: "strangers" }),
      "exists, and no contract made it: rename it",
    ],
  ])("that %s is refused, with what to do, and nothing is changed", async (_, contract, words) => {
    const known = note({ title, secret, remark: optional(text({ max: 5 })) });
    const names = await readAs(
      url("postgres"),
      "SELECT FROM pg_database WHERE datname = 'refused'",
    );
    if (names.length === 0) {
      await open("refused", known);
      await administer(["CREATE TABLE public.strangers (id integer)"], "refused");
      await write("refused", known);
    }
    for (const run of [migrate, planMigration]) {
      const error = await refusal(run(url("refused"), { contract: contract() }));
      expect(error).toBeInstanceOf(MigrationRefusedError);
      expect((error as MigrationRefusedError).faults.join()).toContain(words);
    }
    await write("refused", known);
  });

  it("that differs in several ways is told all of them at once", async () => {
    const error = await refusal(
      migrate(url("refused"), { contract: note({ title: uuid(), secret: masked("digits/1") }) }),
    );
    expect((error as MigrationRefusedError).faults).toHaveLength(3);
  });

  it("waits for no analyst longer than a moment, and comes through when they are done", async () => {
    const database = "busy";
    await open(database);
    const analyst = new Client({ connectionString: url(database) });
    await analyst.connect();
    await analyst.query("BEGIN; SELECT FROM public.notes");
    const migrating = migrate(url(database), {
      contract: note({ title, secret, more: optional(integer()) }),
    });
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await analyst.query("COMMIT");
    await analyst.end();
    expect((await migrating).changes).not.toEqual([]);
  });
});

describe("the plan", () => {
  it("is the SQL that a migration runs, and changes nothing", async () => {
    await administer([
      "CREATE DATABASE planned OWNER deploy",
      "CREATE DATABASE by_hand OWNER deploy",
    ]);
    const url = urlOf("deploy", "planned");
    expect(await planMigration(url, { contract: login })).not.toEqual([]);
    const ours = "SELECT FROM pg_namespace WHERE nspname IN ('maskline', 'recovery')";
    expect(await readAs(url, ours)).toEqual([]);

    const byHand = urlOf("deploy", "by_hand");
    await readAs(byHand, (await planMigration(byHand, { contract: login })).join(";\n"));
    await migrate(url, { contract: login });
    const tables = `SELECT relnamespace::regnamespace::text AS schema, relname, relkind FROM pg_class
      WHERE relnamespace IN ('maskline'::regnamespace, 'recovery'::regnamespace, 'public'::regnamespace)
      ORDER BY 1, 2`;
    expect(await readAs(byHand, tables)).toEqual(await readAs(url, tables));
    expect(await migrate(byHand, { contract: login })).toEqual({ applied: [], changes: [] });
  });

  it("of a database that is current is empty", async () => {
    expect(await planMigration(urlOf("deploy", "planned"), { contract: login })).toEqual([]);
  });

  it("names what an administrator must grant, as the migration would", async () => {
    await administer(["CREATE DATABASE ungranted"]);
    const plan = await planMigration(urlOf("plain", "ungranted"), { contract: login });
    const granted = [
      "GRANT CREATE ON DATABASE ungranted TO maskline_owner",
      ...(await publicGrants()),
    ];
    expect(plan.slice(0, granted.length)).toEqual(granted);
  });
});
