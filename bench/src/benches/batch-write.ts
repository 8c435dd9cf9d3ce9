/** Rows into Postgres over one connection: our exactly-once write beside plain inserts and COPY, the limit. */
import { randomUUID } from "node:crypto";
import { connectWriter, tableOf, type WriteBatch, type Writer } from "@org/db";
import { createTokenizer } from "@org/masking";
import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
import { createSealer, type Sealer } from "@org/masking/seal";
import { createToRow } from "@org/schema";
import { drizzle } from "drizzle-orm/node-postgres";
import { Client } from "pg";
import { v7 as uuidv7 } from "uuid";
import { type BenchDatabase, openOwnDatabase } from "../bench-database.ts";
import { type Bench, type Candidate, Disqualified, type Measurement } from "../bench.ts";
import { createCopy } from "../copy-binary.ts";
import { contract, type Message, sampledMessages } from "../samples.ts";
import { timed } from "../timed.ts";

type Batch = WriteBatch<typeof contract>;

interface Way {
  readonly name: string;
  readonly label: string;
  readonly rows: number;
  readonly batchSize: number;
  readonly vault?: boolean;
  readonly write: (batch: Batch) => Promise<unknown>;
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
      connectWriter({
        connection: { connectionString: database.writerUrl },
        contract,
        poolSize: 1,
      }),
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

function waysToWrite(writer: Writer<typeof contract>, client: Client): Way[] {
  const database = drizzle(client);
  const table = tableOf(contract);
  const insert = async ({ rows }: Batch): Promise<unknown> =>
    database.insert(table).values(rows.map(toTableRow)).onConflictDoNothing();
  const ours = async (batch: Batch): Promise<unknown> => writer.write(batch);
  const copyRows = createCopy(client, contract);
  const copy = async ({ rows }: Batch): Promise<void> => copyRows(rows);
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
  const written = await database.written("maskline");
  if (written.distinct !== count + way.batchSize || written.messages !== written.distinct) {
    throw new Disqualified("it did not write each row once");
  }
  return { ...measurement, postgresCpuMicros };
}

type BatchMaker = (count: number, way: Pick<Way, "batchSize" | "vault">) => Batch[];

async function createBatchMaker(): Promise<BatchMaker> {
  const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });
  const tokenizer = createTokenizer(keyring, { tenant: "bench", fields: contract.tokenFields });
  const toRow = createToRow(contract, tokenizer);
  const sealer = createSealer(keyring, { tenant: "bench" });
  const messages = sampledMessages(1_000);

  function makeBatch(size: number, vaultKeys: Sealer | null): Batch {
    using batchSealer = vaultKeys?.openBatch() ?? null;
    const rows = Array.from({ length: size }, (_, at) => {
      const message = messages[at % messages.length] as Message;
      const recordId = uuidv7();
      const row = toRow(message, { recordId, sealer: batchSealer });
      return { messageId: randomUUID(), recordId, sentAtMs: Date.now(), ...row };
    });
    return {
      rows,
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

function toTableRow({ columns, messageId, recordId, sentAtMs }: Batch["rows"][number]) {
  return {
    ...columns,
    message_id: messageId,
    record_id: recordId,
    sent_at: new Date(sentAtMs),
    create_date: new Date(sentAtMs).toISOString().slice(0, 10),
  };
}
