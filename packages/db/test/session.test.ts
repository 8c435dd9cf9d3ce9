import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectRecovery, connectWriter, migrate, MigrationRefusedError } from "@org/db";
import { startFaultProxy } from "@org/faults/fault-proxy";
import { createTestDatabase } from "@org/local";
import { login } from "@org/schema";
import { Client } from "pg";
import { describe, expect, inject, test, vi } from "vitest";

import { passwordFrom } from "../src/password.ts";
import { SessionClient, trustOf } from "../src/session.ts";

const password = "hunter2-b1c1ab1e";

/** AuthenticationCleartextPassword, and AuthenticationMD5Password with a salt of the server's choice. */
const requests = {
  clear: Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]),
  md5: Buffer.from([0x52, 0, 0, 0, 12, 0, 0, 0, 5, 1, 2, 3, 4]),
};

/** Whoever took the database's port. */
async function openFake(
  request: Buffer,
): Promise<{ url: string; received: () => string } & AsyncDisposable> {
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => socket.write(request));
    socket.on("data", (data) => received.push(data));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  return {
    url: `postgres://consumer:${password}@127.0.0.1:${port}/db`,
    received: () => Buffer.concat(received).toString("latin1"),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe.each(Object.entries(requests))("a server that asks for the password: %s", (_, request) => {
  const refusal = { name: "DatabaseError", reason: "weak_password" };

  test("has none from the consumer, and none from who works on the vault", async () => {
    await using fake = await openFake(request);
    await using writer = connectWriter({
      contract: login,
      connection: { connectionString: fake.url },
    });
    await expect(writer.check()).rejects.toMatchObject(refusal);
    await using recovery = connectRecovery({ connectionString: fake.url });
    await expect(recovery.grants.list(1)).rejects.toMatchObject(refusal);
    expect(fake.received()).toContain("consumer");
    expect(fake.received()).not.toMatch(/hunter2|md5/);
  });

  test("has none from a migration", async () => {
    await using fake = await openFake(request);
    await expect(migrate(fake.url, { contract: login })).rejects.toMatchObject(refusal);
    expect(fake.received()).not.toMatch(/hunter2|md5/);
  });

  test("has it where that is allowed by name", async () => {
    await using fake = await openFake(request);
    const client = new SessionClient({ connectionString: fake.url, sendsWeakPassword: true });
    client.on("error", () => {});
    void client.connect().catch(() => {});
    await expect.poll(() => fake.received()).toMatch(/hunter2|md5/);
    client.connection.stream.destroy();
  });
});

test.each([
  ["postgres://u@db.internal/x", "db.internal", false],
  ["postgres://u@db/x?sslmode=disable", "db", false],
  ["postgres://u@db/x?sslmode=no-verify", "db", false],
  ["postgres://u@db/x?uselibpqcompat=true&sslmode=require", "db", false],
  ["postgres://u@db/x?sslmode=verify-full", "db", true],
  ["postgres://u@/x?host=/run/postgresql", "/run/postgresql", false],
  ["postgres://u@localhost,db:5433/x?sslmode=verify-full", "db", true],
  ["postgres://u@localhost,127.0.0.1/x", "localhost", false],
])("%s is at %s, verified: %s", (connectionString, host, isVerified) => {
  expect(trustOf({ connectionString })).toEqual({ host, isVerified });
});

/** A port where nobody listens, one where somebody is silent, then the server. */
async function openHosts(): Promise<{ url: string } & AsyncDisposable> {
  const silent = await openFake(Buffer.alloc(0));
  const url = new URL(inject("postgresAdminUrl"));
  const port = new URL(silent.url).port;
  return {
    url: url.href.replace(url.host, `127.0.0.1:1,127.0.0.1:${port},${url.host}`),
    [Symbol.asyncDispose]: () => silent[Symbol.asyncDispose](),
  };
}

describe("of several hosts", () => {
  test("the one that takes writes is connected to, wherever it stands", async () => {
    await using hosts = await openHosts();
    const client = new SessionClient({ connectionString: hosts.url });
    await client.connect();
    expect(client.port).toBe(Number(new URL(inject("postgresAdminUrl")).port));
    await client.end();
  });

  test("each is given the password that the password file has for it", async () => {
    await using database = await createTestDatabase(inject("postgresAdminUrl"));
    const admin = new URL(database.adminUrl);
    const directory = await mkdtemp(join(tmpdir(), "maskline-pgpass-"));
    const file = join(directory, "pgpass");
    const own = decodeURIComponent(admin.password);
    await writeFile(file, `127.0.0.1:1:*:*:another\n*:${admin.port}:*:*:${own}\n`, { mode: 0o600 });
    vi.stubEnv("PGPASSFILE", file);
    const url = `postgres://${admin.username}@127.0.0.1:1,${admin.host}${admin.pathname}`;
    const client = new SessionClient({ connectionString: url });
    await client.connect();
    expect(client.host).toBe(admin.hostname);
    await client.end();
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true });
  });

  test("none is connected to while all are read only, and the fault is the first one's", async () => {
    await using hosts = await openHosts();
    await using database = await createTestDatabase(inject("postgresAdminUrl"));
    const admin = new Client({ connectionString: database.adminUrl });
    await admin.connect();
    await admin.query(`ALTER DATABASE ${database.name} SET default_transaction_read_only = on`);
    await admin.end();
    const { pathname } = new URL(database.adminUrl);
    await using writer = connectWriter({
      contract: login,
      connection: { connectionString: hosts.url.replace(/\/[^/]*$/, pathname) },
      connectTimeoutMs: 2_000,
    });
    await expect(writer.check()).rejects.toMatchObject({ reason: "connection_refused" });
  });
});

test("a password that is read at each connect may be rotated meanwhile", async () => {
  await using database = await createTestDatabase(inject("postgresAdminUrl"));
  const admin = new Client({ connectionString: database.adminUrl });
  await admin.connect();
  const name = `${database.name}_rotated`;
  const directory = await mkdtemp(join(tmpdir(), "maskline-password-"));
  const file = join(directory, "password");
  const { host } = new URL(database.adminUrl);
  const connectionString = `postgres://${name}:former@${host}/${database.name}`;
  const rotate = async (next: string): Promise<void> => {
    await admin.query(`ALTER ROLE ${name} PASSWORD '${next}'`);
    await writeFile(file, `${next}\n`);
  };
  const connect = async (readPassword: () => Promise<string>): Promise<void> => {
    const client = new SessionClient({ connectionString, readPassword });
    await client.connect();
    await client.end();
  };
  try {
    await admin.query(`CREATE ROLE ${name} LOGIN`);
    for (const next of ["first", "second"]) {
      await rotate(next);
      await connect(passwordFrom({ file }));
      await connect(passwordFrom({ command: `cat '${file}'` }));
    }
    await rm(file);
    for (const readPassword of [
      passwordFrom({ file }),
      passwordFrom({ command: `cat '${file}'` }),
    ]) {
      await expect(connect(readPassword)).rejects.toMatchObject({ reason: "password_unreadable" });
    }
  } finally {
    await admin.query(`DROP ROLE IF EXISTS ${name}`);
    await admin.end();
    await rm(directory, { recursive: true });
  }
});

test("a connection begins with no parameter that a pooler refuses", async () => {
  await using database = await createTestDatabase(inject("postgresAdminUrl"));
  const url = new URL(database.adminUrl);
  const requests: Buffer[] = [];
  await using proxy = await startFaultProxy({
    host: url.hostname,
    port: Number(url.port),
    onRequest: (bytes) => requests.push(bytes),
  });
  url.host = `${proxy.host}:${proxy.port}`;
  const client = new SessionClient({
    connectionString: url.href,
    application_name: "x",
    statement_timeout: 500,
    lock_timeout: 500,
  });
  await client.connect();
  await client.end();

  // After its length and the protocol's version: names and values in turn.
  const parts = requests[0]?.subarray(8).toString().split("\0") ?? [];
  const names = parts.filter((part, at) => at % 2 === 0 && part !== "");
  // No more than PgBouncer takes where nothing is configured.
  expect(names.toSorted()).toEqual(["application_name", "client_encoding", "database", "user"]);
});

test("a session has what it relies on, whatever the database says", async () => {
  await using database = await createTestDatabase(inject("postgresAdminUrl"));
  const admin = new Client({ connectionString: database.adminUrl });
  await admin.connect();
  const known = await admin.query("SELECT FROM pg_settings WHERE name = 'transaction_timeout'");
  const limitsTransactions = known.rowCount === 1;
  for (const setting of [
    // A shorter time would end the statement that sets it, too.
    "datestyle = 'German, DMY'",
    "default_transaction_isolation = 'serializable'",
    "exit_on_error = on",
    "statement_timeout = 500",
    "lock_timeout = 500",
    ...(limitsTransactions ? ["transaction_timeout = 500"] : []),
    "search_path = ''",
    "client_encoding = 'LATIN1'",
    // As a thief of the login may set for it.
    "debug_print_plan = on",
    "log_parameter_max_length_on_error = -1",
  ]) {
    await admin.query(`ALTER DATABASE ${database.name} SET ${setting}`);
  }
  await admin.end();
  const client = new SessionClient({ connectionString: database.adminUrl, lock_timeout: 700 });
  await client.connect();
  const names = {
    DateStyle: "ISO, MDY",
    default_transaction_isolation: "read committed",
    exit_on_error: "off",
    statement_timeout: "0",
    lock_timeout: "700",
    ...(limitsTransactions && { transaction_timeout: "0" }),
    search_path: "pg_catalog, pg_temp",
    client_encoding: "UTF8",
    debug_print_plan: "off",
    log_parameter_max_length_on_error: "0",
  };
  const { rows } = await client.query<{ name: string; setting: string }>(
    "SELECT name, setting FROM pg_settings WHERE name = ANY ($1)",
    [Object.keys(names)],
  );
  expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual(names);
  await client.end();
});

test.each(["WIN1252", "LATIN1", "SQL_ASCII"])(
  "neither migration nor check takes a database in %s",
  async (encoding) => {
    await using database = await createTestDatabase(inject("postgresAdminUrl"));
    const admin = new Client({ connectionString: database.adminUrl });
    await admin.connect();
    const name = `${database.name}_encoded`;
    await admin.query(
      `CREATE DATABASE ${name} ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
    );
    const url = database.adminUrl.replace(database.name, name);
    try {
      const refused = migrate(url, { contract: login });
      await expect(refused).rejects.toBeInstanceOf(MigrationRefusedError);
      await expect(refused).rejects.toThrow(`The database's encoding is ${encoding}`);
      // Of a schema that came in by another way.
      const restored = new Client({ connectionString: url });
      await restored.connect();
      await restored.query(
        `CREATE SCHEMA maskline;
         CREATE TABLE maskline.schema_version (version bigint);
         CREATE TABLE maskline.vault ()`,
      );
      await restored.end();
      await using writer = connectWriter({
        contract: login,
        connection: { connectionString: url },
      });
      await expect(writer.check()).rejects.toThrow("encoding is not UTF8");
    } finally {
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
    }
  },
);
