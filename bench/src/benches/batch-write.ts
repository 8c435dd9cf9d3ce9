/** Rows into Postgres over one connection: our exactly-once write beside plain inserts and COPY, the limit. */
import { randomUUID } from "node:crypto";
import { connectWriter, type LoginRow, userLogins, type WriteBatch, type Writer } from "@org/db";
import { createTokenizer } from "@org/masking";
import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
import { createSealer, type Sealer } from "@org/masking/seal";
import { majorVersion } from "@org/schema";
import { drizzle } from "drizzle-orm/node-postgres";
import { Client } from "pg";
import { v7 as uuidv7 } from "uuid";
import { type BenchDatabase, openOwnDatabase } from "../bench-database.ts";
import { type Bench, type Candidate, Disqualified, type Measurement } from "../bench.ts";
import { copyRows } from "../copy-binary.ts";
import { sampleLogins } from "../samples.ts";
import { timed } from "../timed.ts";

interface Way {
  readonly name: string;
  readonly label: string;
  readonly rows: number;
  readonly batchSize: number;
  readonly vault?: boolean;
  readonly write: (batch: WriteBatch) => Promise<unknown>;
}

export const batchWrite: Bench = {
  name: "batch-write",
  title: "Batch write: rows into Postgres, one connection",
  unit: "rows",
  baseline: "copy-5000",
  claims: [
    {
      text: "our write ≥ 0.5 × COPY binary without conflicts",
      of: "ours-1000",
      to: "copy-5000",
      atLeast: 0.5,
    },
    {
      text: "our write ≥ 0.5 × COPY binary, same batch size",
      of: "ours-1000",
      to: "copy-1000",
      atLeast: 0.5,
    },
    {
      text: "our write ≥ 4 × drizzle's multi-row insert",
      of: "ours-1000",
      to: "drizzle-1000",
      atLeast: 4,
    },
  ],
  async open({ scale }) {
    await using opening = new AsyncDisposableStack();
    const database = opening.use(await openOwnDatabase());
    const client = opening.adopt(new Client({ connectionString: database.writerUrl }), (open) =>
      open.end(),
    );
    await client.connect();
    const writer = opening.use(
      connectWriter({ connection: { connectionString: database.writerUrl }, poolSize: 1 }),
    );
    const makeBatches = await createBatchMaker();
    const opened = opening.move();
    return {
      candidates: waysToWrite(writer, client).map((way): Candidate => ({
        name: way.name,
        label: way.label,
        measure: async () => measureWay(way, { database, makeBatches, scale }),
      })),
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    };
  },
};

function waysToWrite(writer: Writer, client: Client): Way[] {
  const database = drizzle(client);
  const insert = async ({ logins }: WriteBatch): Promise<unknown> =>
    database.insert(userLogins).values(logins.map(toTableRow)).onConflictDoNothing();
  const ours = async (batch: WriteBatch): Promise<unknown> => writer.write(batch);
  const copy = async ({ logins }: WriteBatch): Promise<void> => copyRows(client, logins);
  return [
    {
      name: "copy-5000",
      label: "COPY binary, 5,000 at once, no ledger",
      rows: 100_000,
      batchSize: 5_000,
      write: copy,
    },
    {
      name: "copy-1000",
      label: "COPY binary, 1,000 at once, no ledger",
      rows: 100_000,
      batchSize: 1_000,
      write: copy,
    },
    {
      name: "ours-1000",
      label: "ours, 1,000 at once: ledger and row",
      rows: 60_000,
      batchSize: 1_000,
      write: ours,
    },
    { name: "ours-250", label: "ours, 250 at once", rows: 40_000, batchSize: 250, write: ours },
    {
      name: "ours-4000",
      label: "ours, 4,000 at once",
      rows: 80_000,
      batchSize: 4_000,
      write: ours,
    },
    {
      name: "ours-vault",
      label: "ours, 1,000 at once: ledger, row, sealed record, seed",
      rows: 30_000,
      batchSize: 1_000,
      vault: true,
      write: ours,
    },
    {
      name: "drizzle-1000",
      label: "drizzle, 1,000 at once, row only",
      rows: 20_000,
      batchSize: 1_000,
      write: insert,
    },
    {
      name: "drizzle-10",
      label: "drizzle, 10 at once, row only",
      rows: 8_000,
      batchSize: 10,
      write: insert,
    },
    {
      name: "drizzle-1",
      label: "drizzle, one by one, row only",
      rows: 2_500,
      batchSize: 1,
      write: insert,
    },
  ];
}

interface Bed {
  readonly database: BenchDatabase;
  readonly makeBatches: BatchMaker;
  readonly scale: number;
}

/** The batches are made before the clock starts: parsing, masking and sealing have benches of their own. */
async function measureWay(way: Way, { database, makeBatches, scale }: Bed): Promise<Measurement> {
  const count = Math.ceil((way.rows * scale) / way.batchSize) * way.batchSize;
  await database.clear();
  const [first, ...batches] = makeBatches(count + way.batchSize, way);
  if (first) await way.write(first);
  const postgresBefore = await database.cpuMicros();
  const measurement = await timed(count, async () => {
    for (const batch of batches) await way.write(batch);
  });
  const postgresCpuMicros = ((await database.cpuMicros()) - postgresBefore) / count;
  const written = await database.count("maskline");
  if (written.distinct !== count + way.batchSize || written.messages !== written.distinct) {
    throw new Disqualified("it did not write each row once");
  }
  return { ...measurement, postgresCpuMicros };
}

type BatchMaker = (count: number, way: Pick<Way, "batchSize" | "vault">) => WriteBatch[];

async function createBatchMaker(): Promise<BatchMaker> {
  const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });
  const tokenizer = createTokenizer(keyring, {
    tenant: "bench",
    fields: { ip: "ip/1", device_id: "exact/1" },
  });
  const sealer = createSealer(keyring, { tenant: "bench" });
  const logins = sampleLogins(1_000).map((login) => ({
    login,
    maskedIp: tokenizer.tokenize("ip", login.ip),
    maskedDeviceId: tokenizer.tokenize("device_id", login.device_id),
  }));

  function makeBatch(size: number, vaultKeys: Sealer | null): WriteBatch {
    using batchSealer = vaultKeys?.openBatch() ?? null;
    const rows = Array.from({ length: size }, (_, at): LoginRow[] => {
      const sample = logins[at % logins.length];
      if (!sample) return [];
      const { login, maskedIp, maskedDeviceId } = sample;
      const recordId = uuidv7();
      const { ip, device_id } = login;
      return [
        {
          messageId: randomUUID(),
          recordId,
          sentAtMs: Date.now(),
          userId: login.user_id,
          deviceType: login.device_type,
          maskedIp,
          maskedDeviceId,
          locale: login.locale,
          appVersion: majorVersion(login.app_version),
          appVersionText: login.app_version,
          vault: batchSealer?.seal({ table: "user_logins", recordId }, { ip, device_id }) ?? null,
        },
      ];
    });
    return {
      logins: rows.flat(),
      quarantined: [],
      batchKeys: batchSealer
        ? batchSealer.sealedKeys.map((key) => ({ id: batchSealer.id, ...key }))
        : [],
    };
  }

  return (count, { batchSize, vault = false }) =>
    Array.from({ length: Math.ceil(count / batchSize) }, () =>
      makeBatch(batchSize, vault ? sealer : null),
    );
}

function toTableRow(row: LoginRow): typeof userLogins.$inferInsert {
  return {
    ...row,
    sentAt: new Date(row.sentAtMs),
    createDate: new Date(row.sentAtMs).toISOString().slice(0, 10),
  };
}
