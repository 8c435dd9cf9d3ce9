/** Brings a database to the current schema, and one contract's table to the contract. */

import { setTimeout as sleep } from "node:timers/promises";
import type { AnyContract } from "@org/schema";
import { type ClientBase } from "pg";
import { changesTo } from "./contract-changes.ts";
import { readContractState } from "./contract-state.ts";
import { toDatabaseError } from "./database-error.ts";
import { findNeededRoles, MissingRightsError, prepareRoles, WrongLoginError } from "./roles.ts";
import { type Migration, migrations, readMigration } from "./schema-version.ts";
import { type Connection, SessionClient } from "./session.ts";

export interface MigrateOptions extends Pick<Connection, "sendsWeakPassword"> {
  readonly contract: AnyContract;
  /** Says that what a restored server lacks was dealt with: docs/operations/restore.md. */
  readonly acceptsRestore?: boolean | undefined;
}

export interface MigrateResult {
  /** The migrations that this run applied, oldest first. */
  readonly applied: readonly string[];
  /** The SQL that brought the contract's table to the contract; none where it was there. */
  readonly changes: readonly string[];
}

/** What is asked for would lose data, give it another meaning, or cannot be had in this database. */
export class MigrationRefusedError extends Error {
  override readonly name = "MigrationRefusedError";
  /** Each with what to do. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`Nothing was changed.\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
    this.faults = faults;
  }
}

/**
 * Makes roles, tables, functions, the contract's table and the partitions of the coming twelve
 * months, as far as they are missing. Two at once are safe, in one database and in two of one
 * cluster. All of it is one transaction, but for the roles, which are the cluster's.
 *
 * The login needs no superuser rights: what it needs is CREATEROLE and the database's ownership, or
 * that an administrator ran what the error says. All objects belong to `maskline_owner`.
 *
 * @param url - Left out, `pg` takes the server from the PG* variables.
 * @throws {@link MissingRightsError} with the SQL that an administrator must run.
 * @throws {@link WrongLoginError} for a login that is the consumer's or a person's.
 * @throws {@link MigrationRefusedError} where data would be lost or reinterpreted.
 * @throws {@link DatabaseError}
 */
export function migrate(
  url: string | undefined,
  { contract, sendsWeakPassword, acceptsRestore = false }: MigrateOptions,
): Promise<MigrateResult> {
  return withClient({ connectionString: url, sendsWeakPassword }, async (client) => {
    await prepareRoles(client);
    await client.query("SET ROLE maskline_owner");
    await requireOwnSchema(client);
    return retried(client, async () => {
      await lockSchema(client);
      const pending = await findPending(client);
      for (const statement of (await Promise.all(pending.map(statementsOf))).flat()) {
        await client.query(statement);
      }
      const changes = await findChanges(client, contract);
      for (const statement of changes) await client.query(statement);
      await client.query("SELECT maskline.ensure_partitions()");
      if (acceptsRestore) await client.query("SELECT maskline.accept_restore()");
      return { applied: pending.map(({ tag }) => tag), changes };
    });
  });
}

/**
 * The SQL that {@link migrate} would run, in its order. Changes nothing, and takes no lock that
 * anybody waits for.
 *
 * @throws as {@link migrate}, but for missing rights: what grants them is a part of the plan.
 */
export function planMigration(
  url: string | undefined,
  { contract, sendsWeakPassword }: MigrateOptions,
): Promise<readonly string[]> {
  return withClient({ connectionString: url, sendsWeakPassword }, async (client) => {
    const roles = await findNeededRoles(client);
    // Where it is nobody's yet, there is nothing that only the owner could read.
    if (roles.length === 0) {
      await client.query("SET ROLE maskline_owner");
      await requireOwnSchema(client);
    }
    await client.query("BEGIN READ ONLY");
    const pending = await findPending(client);
    const migrating = await Promise.all(pending.map(statementsOf));
    const changes = await findChanges(client, contract);
    await client.query("ROLLBACK");
    const isCurrent = roles.length + pending.length + changes.length === 0;
    return isCurrent
      ? []
      : [
          ...roles,
          "SET ROLE maskline_owner",
          ...(pending.length === 0 ? [] : [versionTable]),
          ...migrating.flat(),
          ...changes,
          "SELECT maskline.ensure_partitions()",
        ];
  });
}

async function withClient<T>(
  connection: Connection,
  use: (client: ClientBase) => Promise<T>,
): Promise<T> {
  const client = new SessionClient({
    ...connection,
    application_name: "maskline-migrate",
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  // Every fault of the connection also fails the query in hand.
  client.on("error", () => {});
  try {
    await client.connect();
    await requireUtf8(client);
    return await use(client);
  } catch (error) {
    const isOurs =
      error instanceof MissingRightsError ||
      error instanceof WrongLoginError ||
      error instanceof MigrationRefusedError;
    throw isOurs ? error : toDatabaseError(error);
  } finally {
    await client.end();
  }
}

/** In another encoding PostgreSQL refuses texts that messages have, or does not know what they say. */
async function requireUtf8(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ server_encoding: string }>("SHOW server_encoding");
  const encoding = rows[0]?.server_encoding;
  if (encoding === "UTF8") return;
  throw new MigrationRefusedError([
    `The database's encoding is ${encoding}: make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.`,
  ]);
}

/** Whoever owns the schema can put a table of their own, with a trigger, in one's place: it would run as the owner. */
async function requireOwnSchema(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ owner: string }>(
    `SELECT nspowner::regrole::text AS owner FROM pg_namespace
     WHERE nspname = 'maskline' AND nspowner <> 'maskline_owner'::regrole`,
  );
  const owner = rows[0]?.owner;
  if (owner === undefined) return;
  throw new MigrationRefusedError([
    `The schema maskline is ${owner}'s: drop it, or look who made it, and run ALTER SCHEMA maskline OWNER TO maskline_owner.`,
  ]);
}

const versionTable = `CREATE SCHEMA IF NOT EXISTS maskline;
CREATE TABLE IF NOT EXISTS maskline.schema_version (
  version bigint PRIMARY KEY,
  name text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);`;

/**
 * One migration at a time. The lock is the table's: nobody but the owner has the right to take it,
 * so nobody else can make a migration wait; and who reads the version does not wait for it.
 */
async function lockSchema(client: ClientBase): Promise<void> {
  if (!(await stands(client, "maskline.schema_version"))) await client.query(versionTable);
  await client.query("LOCK TABLE maskline.schema_version IN SHARE ROW EXCLUSIVE MODE");
  await client.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
}

/** A writer waits as long behind a lock that is waited for; so not for long, and again later. */
const lockTimeoutMs = 2_000;
const attemptsAtMost = 10;
const lockNotAvailable = "55P03";
/** unique_violation, duplicate_schema, duplicate_table, and "tuple concurrently updated": made by another at once. */
const lostRaces = new Set(["23505", "42P06", "42P07", "XX000"]);

/** One transaction, and another where a lock was not to be had, or another migration came first. */
async function retried<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const isNew = !(await stands(client, "maskline.schema_version"));
    await client.query("BEGIN");
    try {
      const result = await work();
      await client.query("COMMIT");
      return result;
    } catch (error) {
      await client.query("ROLLBACK");
      const { sqlState } = toDatabaseError(error);
      const mayPass = sqlState === lockNotAvailable || (isNew && lostRaces.has(sqlState ?? ""));
      if (!mayPass || attempt === attemptsAtMost) throw error;
    }
    await sleep(100 * attempt);
  }
}

async function stands(client: ClientBase, table: string): Promise<boolean> {
  const { rows } = await client.query<{ stands: boolean }>(
    "SELECT to_regclass($1) IS NOT NULL AS stands",
    [table],
  );
  return rows[0]?.stands === true;
}

async function findPending(client: ClientBase): Promise<readonly Migration[]> {
  if (!(await stands(client, "maskline.schema_version"))) return migrations;
  const { rows } = await client.query<{ version: string }>(
    "SELECT version FROM maskline.schema_version",
  );
  const applied = new Set(rows.map(({ version }) => Number(version)));
  return migrations.filter(({ when }) => !applied.has(when));
}

async function statementsOf(migration: Migration): Promise<readonly string[]> {
  const { tag, when } = migration;
  return [
    `-- ${tag}\n${await readMigration(migration)}`,
    `INSERT INTO maskline.schema_version (version, name) VALUES (${when}, '${tag}')`,
  ];
}

async function findChanges(client: ClientBase, contract: AnyContract): Promise<readonly string[]> {
  const isKnown = await stands(client, "maskline.contract");
  const state = await readContractState(client, contract, isKnown);
  const { statements, refusals } = changesTo(contract, state);
  if (refusals.length > 0) throw new MigrationRefusedError(refusals);
  return statements;
}
