import { Client } from "pg";
import { expect, inject, it } from "vitest";
import { createTestDatabase } from "../src/test-database.ts";

it("clones a database in which a login has only what its role has", async () => {
  const adminUrl = inject("postgresAdminUrl");
  await using database = await createTestDatabase(adminUrl, "maskline_template");
  const loginUrl = await database.createLogin("pg_monitor");
  const client = new Client({ connectionString: loginUrl });
  await client.connect();
  const { rows } = await client.query(
    "SELECT current_database() AS name, pg_has_role('pg_monitor', 'member') AS member, usesuper FROM pg_user WHERE usename = current_user",
  );
  await client.end();
  expect(rows).toEqual([{ name: database.name, member: true, usesuper: false }]);
});

it("drops the database and its logins although sessions are open", async () => {
  const adminUrl = inject("postgresAdminUrl");
  const database = await createTestDatabase(adminUrl);
  const loginUrl = await database.createLogin("pg_monitor");
  const session = new Client({ connectionString: loginUrl });
  session.on("error", () => {});
  await session.connect();

  await database[Symbol.asyncDispose]();

  const admin = new Client({ connectionString: adminUrl });
  await admin.connect();
  const { rows } = await admin.query(
    "SELECT datname FROM pg_database WHERE datname = $1 UNION SELECT rolname FROM pg_roles WHERE rolname LIKE $1 || '%'",
    [database.name],
  );
  await admin.end();
  expect(rows).toEqual([]);
});
