/** A real PostgreSQL with Maskline's schema, started for one run. */
import { migrate } from "@org/db";
import { createTestDatabase, startPostgres } from "@org/local";
import type { LocalPostgres } from "@org/local";
import type { AnyContract } from "@org/schema";
import { Pool } from "pg";
import type { QueryResultRow } from "pg";

export type Query = <Row extends QueryResultRow>(
  text: string,
  values?: unknown[],
) => Promise<Row[]>;

export interface Database extends AsyncDisposable {
  readonly postgres: LocalPostgres;
  readonly adminUrl: string;
  /** Makes a login that is a member of the role, and resolves with its URL. */
  readonly createLogin: (memberOf: string) => Promise<string>;
  /** As superuser. */
  readonly query: Query;
}

const settings = {
  track_commit_timestamp: "on",
  // A production server logs slow statements, and with them their parameters.
  log_min_duration_statement: "200",
};

/** `fsync` is on, as everything else that keeps a commit. */
export async function openDatabase(contract: AnyContract): Promise<Database> {
  await using opening = new AsyncDisposableStack();
  const postgres = opening.use(await startPostgres({ settings }));
  const database = await createTestDatabase(postgres.adminUrl);
  await migrate(database.adminUrl, { contract });
  const pool = opening.adopt(
    new Pool({
      connectionString: database.adminUrl,
      max: 4,
      options: "-c default_transaction_read_only=off",
    }),
    (opened) => opened.end(),
  );
  // A connection that a stopped server broke is replaced at the next query.
  pool.on("error", () => {});
  const opened = opening.move();
  return {
    postgres,
    adminUrl: database.adminUrl,
    createLogin: database.createLogin,
    async query(text, values) {
      const { rows } = await pool.query(text, values);
      return rows;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
