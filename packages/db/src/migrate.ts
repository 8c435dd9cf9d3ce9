/** Brings a database to the current schema. */

import { fileURLToPath } from "node:url";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate as applyMigrations } from "drizzle-orm/node-postgres/migrator";
import { Client, type ClientBase } from "pg";
import { toDatabaseError } from "./database-error.ts";
import { MissingRightsError, prepareRoles, WrongLoginError } from "./roles.ts";
import { migrations } from "./schema-version.ts";

const migrationsFolder = fileURLToPath(new URL("../migrations", import.meta.url));
/** Ours among the advisory locks of the database: "mask" in ASCII. */
const advisoryLock = 0x6d61736b;

export interface MigrateResult {
  /** The migrations that this run applied, oldest first. */
  readonly applied: string[];
}

/**
 * Makes roles, tables, functions and the partitions of the coming twelve months, as far as they are
 * missing. Two at once are safe, in one database and in two of one cluster.
 *
 * The login needs no superuser rights: what it needs is CREATEROLE and the database's ownership, or
 * that an administrator ran what the error says. All objects belong to `maskline_owner`. It holds a
 * session-level lock, so it must not go through a pooler in transaction mode.
 *
 * @param url - Left out, `pg` takes the server from the PG* variables.
 * @throws {@link MissingRightsError} with the SQL that an administrator must run.
 * @throws {@link WrongLoginError} for a login that is the consumer's or a person's.
 * @throws {@link DatabaseError}
 */
export async function migrate(url?: string): Promise<MigrateResult> {
  const client = new Client({
    connectionString: url,
    application_name: "maskline-migrate",
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  // Every fault of the connection also fails the query in hand.
  client.on("error", () => {});
  try {
    await client.connect();
    // Held until the session ends.
    await client.query("SELECT pg_advisory_lock($1)", [advisoryLock]);
    await prepareRoles(client);
    await client.query("SET ROLE maskline_owner");
    const before = await readVersion(client);
    await applyMigrations(drizzle(client), {
      migrationsFolder,
      migrationsSchema: "maskline",
      migrationsTable: "schema_version",
    });
    await client.query("SELECT maskline.ensure_partitions()");
    return { applied: migrations.filter(({ when }) => when > before).map(({ tag }) => tag) };
  } catch (error) {
    const isOurs = error instanceof MissingRightsError || error instanceof WrongLoginError;
    throw isOurs ? error : toDatabaseError(error);
  } finally {
    await client.end();
  }
}

async function readVersion(client: ClientBase): Promise<number> {
  const table = await client.query<{ stands: boolean }>(
    "SELECT to_regclass('maskline.schema_version') IS NOT NULL AS stands",
  );
  if (table.rows[0]?.stands !== true) return 0;
  const { rows } = await client.query<{ version: string | null }>(
    "SELECT max(created_at) AS version FROM maskline.schema_version",
  );
  return Number(rows[0]?.version ?? 0);
}
