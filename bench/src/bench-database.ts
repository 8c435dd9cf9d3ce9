/** The benchmarks' PostgreSQL: real, durable, with Maskline's schema and a plain table for the others. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { migrate } from "@org/db";
import { createTestDatabase, type LocalPostgres, startPostgres } from "@org/local";
import { Client } from "pg";
import { cpuMicrosOf } from "./process-usage.ts";

export interface BenchDatabase extends AsyncDisposable {
  readonly adminUrl: string;
  /** A login that is a member of maskline_writer. */
  readonly writerUrl: string;
  /** CPU time of the server and all its processes so far. */
  readonly cpuMicros: () => Promise<number>;
  /** Starts a count anew: empties every table that a candidate writes, unless their rows are kept. */
  readonly clear: () => Promise<void>;
  /** Messages in the tables of one side since then, and how many of them are distinct. */
  readonly count: (side: Side) => Promise<{ messages: number; distinct: number }>;
}

/** `plain` is one table with a unique message id, all that a natural solution has. */
export type Side = "maskline" | "plain";

/** fsync and synchronous_commit stay on; the rest is what anybody would set on a server of this size. */
const settings = { shared_buffers: "2GB", max_wal_size: "8GB" };

const plainTable = `
  CREATE TABLE logins (
    message_id uuid PRIMARY KEY,
    user_id varchar(128), device_type varchar(32), masked_ip varchar(256), masked_device_id varchar(256),
    locale varchar(32), app_version integer, create_date date
  );
  GRANT SELECT, INSERT ON logins TO maskline_writer`;

/** $1 is when the count began. */
const messageIds: Record<Side, string> = {
  maskline: `SELECT message_id FROM user_logins WHERE sent_at >= $1
    UNION ALL SELECT message_id FROM maskline.quarantine WHERE sent_at >= $1`,
  plain: "SELECT message_id FROM logins WHERE create_date >= $1::date",
};

export function startBenchPostgres(): Promise<LocalPostgres> {
  return startPostgres({ settings });
}

/** `rows` logins stand in the month being written, and stay there. */
export async function openBenchDatabase(postgres: LocalPostgres, rows = 0): Promise<BenchDatabase> {
  await using opening = new AsyncDisposableStack();
  const database = opening.use(await createTestDatabase(postgres.adminUrl));
  await migrate(database.adminUrl);
  const writerUrl = await database.createLogin("maskline_writer");

  const admin = opening.adopt(new Client({ connectionString: database.adminUrl }), (client) =>
    client.end(),
  );
  await admin.connect();
  await admin.query(plainTable);
  await fill(admin, rows);
  let since = new Date();

  const opened = opening.move();
  return {
    adminUrl: database.adminUrl,
    writerUrl,
    async cpuMicros() {
      const pidFile = await readFile(join(postgres.dataDirectory, "postmaster.pid"), "utf8");
      return cpuMicrosOf(Number.parseInt(pidFile, 10));
    },
    async clear() {
      since = new Date();
      if (rows > 0) return;
      await admin.query(
        "TRUNCATE logins, user_logins, maskline.ledger, maskline.quarantine, maskline.batch_key, maskline.vault, maskline.seed",
      );
    },
    async count(side) {
      const { rows: counted } = await admin.query<{ messages: string; distinct: string }>(
        `SELECT count(*) AS messages, count(DISTINCT message_id) AS distinct FROM (${messageIds[side]}) AS written`,
        [since],
      );
      return { messages: Number(counted[0]?.messages), distinct: Number(counted[0]?.distinct) };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** A database on a server of its own. */
export async function openOwnDatabase(): Promise<BenchDatabase> {
  await using opening = new AsyncDisposableStack();
  const postgres = opening.use(await startBenchPostgres());
  const database = opening.use(await openBenchDatabase(postgres));
  const opened = opening.move();
  return { ...database, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

const fillAtOnce = 500_000;

/** As the consumer would have written them: random message ids, ascending record ids, vault on. */
const fillStatement = `
  WITH made AS MATERIALIZED (
    SELECT gen_random_uuid() AS message_id, uuidv7() AS record_id, now() AS sent_at,
      (now() AT TIME ZONE 'UTC')::date AS create_date
    FROM generate_series(1, $1::integer)
  ), new_ledger AS (
    INSERT INTO maskline.ledger (message_id, record_id, outcome) SELECT message_id, record_id, 'row' FROM made
  ), new_vault AS (
    INSERT INTO maskline.vault (record_id, create_date, sealed)
    SELECT record_id, create_date, decode(repeat('00', 194), 'hex') FROM made
  ), new_seed AS (
    INSERT INTO maskline.seed (record_id, create_date, seed)
    SELECT record_id, create_date, decode(repeat('00', 32), 'hex') FROM made
  )
  INSERT INTO user_logins (message_id, record_id, sent_at, create_date, user_id, device_type,
    masked_ip, masked_device_id, locale, app_version, app_version_text)
  SELECT message_id, record_id, sent_at, create_date, gen_random_uuid(), 'android',
    'mk1.t1.' || repeat('x', 43), 'mk1.t1.' || repeat('y', 43), 'DE', 2, '2.3.0'
  FROM made`;

async function fill(admin: Client, rows: number): Promise<void> {
  if (rows === 0) return;
  for (let done = 0; done < rows; done += fillAtOnce) {
    await admin.query(fillStatement, [Math.min(fillAtOnce, rows - done)]);
  }
  await admin.query("VACUUM ANALYZE");
  await admin.query("CHECKPOINT");
}
