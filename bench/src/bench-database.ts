/** The benchmarks' PostgreSQL: real, durable, with Maskline's schema and a plain table for the others. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { migrate } from "@org/db";
import { createTestDatabase, type LocalPostgres, startPostgres } from "@org/local";
import { createTokenizer } from "@org/masking";
import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
import { createSealer } from "@org/masking/seal";
import { createToRow } from "@org/schema";
import { Client } from "pg";
import { v7 as uuidv7 } from "uuid";
import { plainTable } from "./contenders/plain-table.ts";
import { cpuMicrosOf } from "./process-usage.ts";
import { contract, sampledMessages } from "./samples.ts";
import { type Expected, generateKeys, type Keys, readWritten, type Side } from "./written.ts";

export interface BenchDatabase extends AsyncDisposable {
  readonly adminUrl: string;
  /** A login that is a member of maskline_writer. */
  readonly writerUrl: string;
  /** What a consumer masks and seals with. */
  readonly keys: Keys;
  /** CPU time of the server and all its processes so far. */
  readonly cpuMicros: () => Promise<number>;
  /** Starts a count anew: empties every table that a candidate writes, unless their rows are kept. */
  readonly clear: () => Promise<void>;
  /** What is in the tables of one side since then. */
  readonly written: (side: Side) => Promise<Written>;
  /** Whether so many records were sealed since then, and some of them open. */
  readonly opens: (records: number) => Promise<boolean>;
}

export interface Written {
  readonly messages: number;
  /** Of different ids. */
  readonly distinct: number;
  readonly values: Expected;
}

/** fsync and synchronous_commit stay on; the rest is what anybody would set on a server of this size. */
const settings = { shared_buffers: "2GB", max_wal_size: "8GB" };

/** $1 is when the count began. */
const messageIds: Record<Side, string> = {
  maskline: `SELECT message_id FROM ${contract.table} WHERE sent_at >= $1
    UNION ALL SELECT message_id FROM maskline.quarantine WHERE sent_at >= $1`,
  plain: "SELECT message_id FROM logins WHERE create_date >= $1::date",
};

const sealedRecords = `SELECT count(*) AS records
  FROM ${contract.table} JOIN maskline.vault USING (record_id) JOIN maskline.seed USING (record_id)
  WHERE sent_at >= $1`;

export function startBenchPostgres(): Promise<LocalPostgres> {
  return startPostgres({ settings });
}

/** `rows` rows stand in the month being written, and stay there. */
export async function openBenchDatabase(postgres: LocalPostgres, rows = 0): Promise<BenchDatabase> {
  const keys = generateKeys();
  await using opening = new AsyncDisposableStack();
  const database = opening.use(await createTestDatabase(postgres.adminUrl));
  await migrate(database.adminUrl, { contract });
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
    keys,
    async cpuMicros() {
      const pidFile = await readFile(join(postgres.dataDirectory, "postmaster.pid"), "utf8");
      return cpuMicrosOf(Number.parseInt(pidFile, 10));
    },
    async clear() {
      since = new Date();
      if (rows > 0) return;
      await admin.query(
        `TRUNCATE logins, ${contract.table}, maskline.ledger, maskline.quarantine, maskline.batch_key, maskline.vault, maskline.seed`,
      );
    },
    async written(side) {
      const { rows: counted } = await admin.query<{ messages: string; distinct: string }>(
        `SELECT count(*) AS messages, count(DISTINCT message_id) AS distinct FROM (${messageIds[side]}) AS written`,
        [since],
      );
      return {
        messages: Number(counted[0]?.messages),
        distinct: Number(counted[0]?.distinct),
        values: await readWritten(admin, side, since),
      };
    },
    async opens(records) {
      const { rows: sealed } = await admin.query<{ records: string }>(sealedRecords, [since]);
      return Number(sealed[0]?.records) === records && keys.open(admin, since);
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

/** As the consumer would have written them: random message ids, ascending record ids, vault on; the values are one message's. */
async function fill(admin: Client, rows: number): Promise<void> {
  if (rows === 0) return;
  const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });
  const tokenizer = createTokenizer(keyring, { tenant: "bench", fields: contract.tokenFields });
  using sealer = createSealer(keyring, { tenant: "bench" }).openBatch();
  const [message] = sampledMessages(1);
  if (!message) throw new TypeError("The sample has a message.");
  const { columns, vault } = createToRow(contract, tokenizer)(message, {
    recordId: uuidv7(),
    sealer,
  });
  const values = Object.entries(columns);
  const statement = `
    WITH made AS MATERIALIZED (
      SELECT gen_random_uuid() AS message_id, uuidv7() AS record_id, now() AS sent_at,
        (now() AT TIME ZONE 'UTC')::date AS create_date
      FROM generate_series(1, $1::integer)
    ), new_ledger AS (
      INSERT INTO maskline.ledger (message_id, record_id, outcome) SELECT message_id, record_id, 'row' FROM made
    ), new_vault AS (
      INSERT INTO maskline.vault (record_id, create_date, sealed)
      SELECT record_id, create_date, $2::bytea FROM made
    ), new_seed AS (
      INSERT INTO maskline.seed (record_id, create_date, seed)
      SELECT record_id, create_date, $3::bytea FROM made
    )
    INSERT INTO ${contract.table} (message_id, record_id, sent_at, create_date, ${values.map(([name]) => `"${name}"`).join(", ")})
    SELECT message_id, record_id, sent_at, create_date, ${values.map((_, at) => `$${at + 4}`).join(", ")}
    FROM made`;
  for (let done = 0; done < rows; done += fillAtOnce) {
    await admin.query(statement, [
      Math.min(fillAtOnce, rows - done),
      vault?.sealed,
      vault?.seed,
      ...values.map(([, value]) => value),
    ]);
  }
  await admin.query("VACUUM ANALYZE");
  await admin.query("CHECKPOINT");
}
