import { DatabaseError, migrate, MissingRightsError, type MigrateResult, roles } from "@org/db";
import { type LocalPostgres, startPostgres } from "@org/local";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { migrations } from "../src/schema-version.ts";

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
    const results = await Promise.all(runs.map((url) => migrate(url)));
    for (const [index] of databases.entries()) {
      const pair: MigrateResult[] = results.slice(2 * index, 2 * index + 2);
      expect(pair.flatMap(({ applied }) => applied)).toEqual(allMigrations);
    }
  });

  it("applies nothing the second time", async () => {
    expect(await migrate(urlOf("deploy", "one"))).toEqual({ applied: [] });
  });

  it("leaves the months ahead ready, also when there was nothing to apply", async () => {
    const client = new Client({ connectionString: urlOf("deploy", "one") });
    await client.connect();
    const newest =
      "SELECT max(relname) AS name FROM pg_class WHERE relname ~ '^vault_\\d{4}_\\d{2}$'";
    const before = await client.query<{ name: string }>(newest);
    await client.query(`DROP TABLE maskline.${before.rows[0]?.name ?? ""}`);
    await migrate(urlOf("deploy", "one"));
    const after = await client.query<{ name: string }>(newest);
    await client.end();
    expect(after.rows).toEqual(before.rows);
  });
});

describe("a login that lacks rights", () => {
  it("is told the SQL that an administrator must run, all of it, and with it succeeds", async () => {
    await administer(["CREATE ROLE plain LOGIN PASSWORD 'secret'", 'CREATE DATABASE "odd name"']);
    const url = urlOf("plain", "odd name");
    const error = await refusal(migrate(url));
    expect(error).toBeInstanceOf(MissingRightsError);
    const { statements, message } = error as MissingRightsError;
    expect(statements).toEqual([
      "GRANT maskline_owner TO plain",
      'GRANT CREATE ON DATABASE "odd name" TO maskline_owner',
      "GRANT USAGE, CREATE ON SCHEMA public TO maskline_owner",
    ]);
    for (const statement of statements) expect(message).toContain(`${statement};`);

    await administer(statements, "odd name");
    expect(await migrate(url)).toEqual({ applied: allMigrations });
  });

  it("is told of the roles too, where the cluster has none", async () => {
    await using bare = await startPostgres({ settings: { fsync: "off" } });
    const client = new Client({ connectionString: bare.adminUrl });
    await client.connect();
    await client.query("CREATE ROLE plain LOGIN PASSWORD 'secret'");
    const error = await refusal(migrate(bare.url({ user: "plain", password: "secret" })));
    expect(error).toBeInstanceOf(MissingRightsError);
    const { statements } = error as MissingRightsError;
    for (const role of roles) expect(statements).toContain(`CREATE ROLE ${role} NOLOGIN`);
    for (const statement of statements) await client.query(statement);
    await client.end();
    const { applied } = await migrate(bare.url({ user: "plain", password: "secret" }));
    expect(applied).toEqual(allMigrations);
  });
});

describe("a fault", () => {
  it("is reduced to what is safe to print: no host, login or password", async () => {
    const error = await refusal(migrate("postgres://sentinel:sentinel@127.0.0.1:1/sentinel"));
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({ kind: "transient", sqlState: null });
    expect(String((error as Error).stack)).not.toContain("sentinel");
  });

  it("leaves nothing half-done: all migrations of a run are one transaction", async () => {
    await administer(["CREATE DATABASE broken OWNER deploy"]);
    // The last table's name is taken.
    await administer(["CREATE TABLE public.user_logins ()"], "broken");
    const error = await refusal(migrate(urlOf("deploy", "broken")));
    expect(error).toMatchObject({ kind: "unknown", sqlState: "42P07" });
    await administer(["DROP TABLE public.user_logins"], "broken");
    expect(await migrate(urlOf("deploy", "broken"))).toEqual({ applied: allMigrations });
  });
});
