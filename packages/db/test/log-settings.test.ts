import { readFile } from "node:fs/promises";
import { connectRecovery, migrate } from "@org/db";
import { startPostgres } from "@org/local";
import { login } from "@org/schema";
import { Client } from "pg";
import { expect, test } from "vitest";

import { findLoggedByRoles, findLoggedParameters, readLogSettings } from "../src/log-settings.ts";

const settings = (values: Readonly<Record<string, string>>) =>
  Object.entries({ ...standard, ...values }).map(([name, setting]) => ({ name, setting }));

/** As a server is installed. */
const standard = {
  log_statement: "none",
  log_min_duration_statement: "-1",
  log_min_duration_sample: "-1",
  log_transaction_sample_rate: "0",
  log_parameter_max_length: "-1",
  log_parameter_max_length_on_error: "0",
  debug_print_plan: "off",
};

const found = (values: Readonly<Record<string, string>>) =>
  findLoggedParameters(settings(values)).map(({ name }) => name);

test("a server as it is installed logs no parameter", () => {
  expect(found({})).toEqual([]);
});

test.each([
  ["log_statement", "mod"],
  ["log_statement", "all"],
  ["log_min_duration_statement", "0"],
  ["log_min_duration_statement", "60000"],
  ["log_min_duration_sample", "100"],
  ["log_transaction_sample_rate", "0.01"],
])("%s = %s logs them, unless they are cut to nothing", (name, setting) => {
  expect(found({ [name]: setting })).toEqual([name]);
  expect(found({ [name]: setting, log_parameter_max_length: "64" })).toEqual([name]);
  expect(found({ [name]: setting, log_parameter_max_length: "0" })).toEqual([]);
});

test.each([
  ["log_parameter_max_length_on_error", "-1"],
  ["debug_print_plan", "on"],
  ["auto_explain.log_min_duration", "0"],
  ["pgaudit.log_parameter", "on"],
])("%s = %s logs them whatever the length is cut to", (name, setting) => {
  expect(found({ [name]: setting, log_parameter_max_length: "0" })).toEqual([name]);
});

test.each([
  ["log_statement", "ddl"],
  ["auto_explain.log_min_duration", "-1"],
  ["pgaudit.log_parameter", "off"],
])("%s = %s logs none", (name, setting) => expect(found({ [name]: setting })).toEqual([]));

test("what is found on a real server is what its log shows, and what ALTER DATABASE takes away is gone from both", async () => {
  await using server = await startPostgres({ settings: { fsync: "off" } });
  const admin = new Client({ connectionString: server.adminUrl });
  await admin.connect();
  await admin.query("CREATE DATABASE logging");
  const secret = "b1c1ab1e5eed";

  async function isLogged(): Promise<{ found: boolean; logged: boolean }> {
    const before = (await readFile(server.logFile, "utf8")).length;
    const client = new Client({ connectionString: server.url({ database: "logging" }) });
    await client.connect();
    const logged = findLoggedParameters(await readLogSettings(client));
    await client.query("SELECT length($1::text)", [secret]);
    await client.end();
    const log = (await readFile(server.logFile, "utf8")).slice(before);
    return { found: logged.length > 0, logged: log.includes(secret) };
  }

  expect(await isLogged()).toEqual({ found: false, logged: false });
  await admin.query("ALTER DATABASE logging SET log_min_duration_statement = 0");
  expect(await isLogged()).toEqual({ found: true, logged: true });
  await admin.query("ALTER DATABASE logging SET log_parameter_max_length = 0");
  expect(await isLogged()).toEqual({ found: false, logged: false });
  await admin.query("ALTER DATABASE logging RESET log_parameter_max_length");
  await admin.query("ALTER DATABASE logging RESET log_min_duration_statement");
  await admin.query("ALTER DATABASE logging SET log_statement = 'all'");
  expect(await isLogged()).toEqual({ found: true, logged: true });
  await admin.query("ALTER DATABASE logging SET session_preload_libraries = 'auto_explain'");
  await admin.query("ALTER DATABASE logging RESET log_statement");
  await admin.query("ALTER DATABASE logging SET auto_explain.log_min_duration = 0");
  // It has logged parameters since PostgreSQL 16.
  const { rows } = await admin.query("SHOW server_version_num");
  const logged = Number(rows[0].server_version_num) >= 160_000;
  expect(await isLogged()).toEqual({ found: true, logged });
  await admin.end();
});

test("settings of other logins are told too, by the login", async () => {
  await using server = await startPostgres({ settings: { fsync: "off" } });
  await migrate(server.url(), { contract: login });
  const admin = new Client({ connectionString: server.adminUrl });
  await admin.connect();
  await admin.query("CREATE ROLE consumer LOGIN IN ROLE maskline_writer");
  await admin.query("ALTER ROLE consumer SET log_min_duration_statement = 0");
  await admin.query("ALTER ROLE consumer SET work_mem = '8MB'");
  await admin.query("CREATE ROLE auditor LOGIN PASSWORD 'x' IN ROLE maskline_auditor");
  await admin.end();
  await using recovery = connectRecovery({
    connectionString: server.url({ user: "auditor", password: "x" }),
  });
  expect(await recovery.erasure.loggedByRoles()).toEqual([
    { role: "consumer", name: "log_min_duration_statement", setting: "0" },
  ]);
});

test("of a role's own settings and those of everybody, its own count", () => {
  const own = settings({ log_statement: "all", log_parameter_max_length: "0" }).map((setting) => ({
    ...setting,
    role: null,
  }));
  expect(findLoggedByRoles(own)).toEqual([]);
  const uncut = { role: "consumer", name: "log_parameter_max_length", setting: "-1" };
  const quiet = { role: "consumer", name: "log_statement", setting: "none" };
  expect(findLoggedByRoles([...own, uncut])).toEqual([
    { role: "consumer", name: "log_statement", setting: "all" },
  ]);
  expect(findLoggedByRoles([...own, uncut, quiet])).toEqual([]);
});
