/** What every session of ours relies on, whatever the database's or the login's defaults are. */

import type { ClientBase, PoolConfig } from "pg";

/** Where the database is; what is left out, `pg` takes from the PG* variables. */
export type Connection = Pick<
  PoolConfig,
  "connectionString" | "host" | "port" | "database" | "user" | "password" | "ssl"
>;

/**
 * What `pg` reads as text, and which objects an unqualified name means. Statements qualify their
 * tables and send times in a form that no setting changes as well: behind a pooler in transaction
 * mode, what is set here holds for whichever connection it came to.
 */
const settings = {
  search_path: "pg_catalog, pg_temp",
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  client_encoding: "UTF8",
  bytea_output: "hex",
  standard_conforming_strings: "on",
} as const;

const values = Object.entries(settings).flat();
const text = `SELECT ${Object.keys(settings)
  .map((_, index) => `pg_catalog.set_config($${2 * index + 1}, $${2 * index + 2}, false)`)
  .join(", ")}`;

/** For a client that has just connected; a pool's runs it before anything else that is asked of it. */
export async function prepareSession(client: ClientBase): Promise<void> {
  await client.query(text, values);
}
