/** What both drills stand on: a queue, keyrings, a producer whose messages are known, a consumer. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "@org/db";
import type { Query } from "@org/chaos/database";
import { type Fleet, startFleet } from "@org/chaos/fleet";
import { openJournal } from "@org/chaos/journal";
import { createKeyrings, type Keyrings } from "@org/chaos/keyrings";
import { refuseSome } from "@org/chaos/refusal";
import { createProducer, type Producer } from "@org/chaos/producer";
import { waitFor } from "@org/chaos/scene";
import { createCanaries } from "@org/faults/canaries";
import { type HostileQueueServer, startHostileQueueServer } from "@org/faults/hostile-queue-server";
import {
  createTestDatabase,
  leashDirectory,
  localAwsEnvironment,
  type LocalPostgres,
  openQueueAdmin,
  query,
  type QueueAdmin,
  unleashDirectory,
} from "@org/local";
import { type AnyContract, createRandom, login } from "@org/schema";
import { runCommand } from "demo/commands";
import type { Claims } from "./claims.ts";

export interface DrillOptions {
  /** Messages a second. */
  readonly rate: number;
  readonly seed: number;
  readonly claims: Claims;
  readonly signal: AbortSignal;
}

export interface Ground extends AsyncDisposable {
  readonly contract: AnyContract;
  readonly directory: string;
  readonly server: HostileQueueServer;
  readonly admin: QueueAdmin;
  readonly queueUrl: string;
  readonly deadLetterUrl: string;
  readonly keyrings: Keyrings;
  readonly producer: Producer;
  /** Messages that are deleted from the queue, or about to be. */
  readonly deleted: ReadonlySet<string>;
  /** A consumer's environment. */
  readonly consumerEnv: (databaseUrl: string) => Readonly<Record<string, string>>;
  /** Starts the one consumer, and resolves once it consumes. */
  readonly startConsumer: (databaseUrl: string) => Promise<Fleet>;
  readonly until: (what: string, condition: () => boolean | Promise<boolean>) => Promise<void>;
}

/** Long enough that a consumer which catches up loses none. */
const visibilityTimeoutSeconds = 10;
const maxReceiveCount = 10;

export async function openGround({ rate, seed, signal }: DrillOptions): Promise<Ground> {
  await using opening = new AsyncDisposableStack();
  const contract = login;
  const directory = await openDirectory(opening);
  const deleted = new Set<string>();
  const server = opening.use(
    await startHostileQueueServer({
      onDelete(messageId) {
        deleted.add(messageId);
      },
    }),
  );
  const admin = opening.adopt(openQueueAdmin(server.endpoint), (opened) => opened.close());
  const queues = await admin.createQueueWithDeadLetters("messages", {
    maxReceiveCount,
    visibilityTimeoutSeconds,
  });
  const keyrings = await createKeyrings(directory, { vault: true });
  const producer = createProducer({
    contract,
    admin,
    queueUrl: queues.queueUrl,
    fifo: false,
    rate,
    random: createRandom(seed),
    canaries: createCanaries(contract),
  });
  opening.defer(() => producer.pause());
  const consumerEnv: Ground["consumerEnv"] = (databaseUrl) => ({
    ...localAwsEnvironment,
    SQS_QUEUE_URL: queues.queueUrl,
    AWS_ENDPOINT_URL_SQS: server.endpoint,
    DATABASE_URL: databaseUrl,
    MASKLINE_CONTRACT: contract.name,
    MASKLINE_KEYRING: keyrings.path,
    MASKLINE_VAULT: "on",
    MASKLINE_POLLERS: "8",
    MASKLINE_WAIT_SECONDS: "1",
    MASKLINE_SHUTDOWN_SECONDS: "8",
    PORT: "0",
  });
  const until: Ground["until"] = (what, condition) => waitFor(what, condition, { signal });
  const opened = opening.move();
  return {
    contract,
    directory,
    server,
    admin,
    ...queues,
    keyrings,
    producer,
    deleted,
    consumerEnv,
    until,
    async startConsumer(databaseUrl) {
      const fleet = startFleet({
        size: 1,
        directory,
        journal: openJournal(join(directory, "consumer.jsonl")),
        launch: () => ({ env: consumerEnv(databaseUrl) }),
      });
      opened.use(fleet);
      await until("the consumer consumes", () => fleet.isReady());
      return fleet;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function openDirectory(opening: AsyncDisposableStack): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "maskline-drill-"));
  leashDirectory(directory);
  opening.defer(async () => {
    await rm(directory, { recursive: true });
    unleashDirectory(directory);
  });
  return directory;
}

export interface DrillDatabase {
  readonly name: string;
  readonly adminUrl: string;
  /** What the consumer connects as. */
  readonly writerUrl: string;
}

export async function makeDatabase(
  { adminUrl }: LocalPostgres,
  contract: AnyContract,
): Promise<DrillDatabase> {
  const database = await createTestDatabase(adminUrl);
  await migrate(database.adminUrl, { contract });
  await refuseSome(queryAt(database.adminUrl), contract);
  const writerUrl = await database.createLogin("maskline_writer");
  return { name: database.name, adminUrl: database.adminUrl, writerUrl };
}

/** Of a URL, as the accounting takes it. */
export function queryAt(url: string): Query {
  return (text, values) => query(url, text, values);
}

/** Messages that have their outcome. */
export async function countDecided(ask: Query): Promise<number> {
  const [row] = await ask<{ count: number }>("SELECT count(*)::int AS count FROM maskline.ledger");
  return row?.count ?? 0;
}

/** Those of the ids that have no outcome. */
export async function findUndecided(ask: Query, ids: Iterable<string>): Promise<string[]> {
  const undecided = await ask<{ id: string }>(
    `SELECT id FROM unnest($1::uuid[]) AS id
      WHERE NOT EXISTS (SELECT FROM maskline.ledger WHERE message_id = id)`,
    [[...ids]],
  );
  return undecided.map(({ id }) => id);
}

/** Whether `--check` says that the database goes on from another one's state. */
export async function tellsOfRestore(
  { consumerEnv }: Ground,
  fleet: Fleet,
  databaseUrl: string,
): Promise<boolean> {
  const env = consumerEnv(databaseUrl);
  const { code, output } = await fleet.runApart({ env, args: ["--check"] });
  if (code !== 0) throw new Error(`--check ended with ${code}.`);
  return output.includes("goes on from a backup or a standby");
}

/** `pnpm migrate --accept-restore` */
export async function acceptRestore(
  { contract, directory }: Ground,
  adminUrl: string,
  signal: AbortSignal,
): Promise<void> {
  const env = { MIGRATE_DATABASE_URL: adminUrl, MASKLINE_CONTRACT: contract.name };
  const logFile = join(directory, "migrate.log");
  await runCommand({ name: "migrate", args: ["--accept-restore"], env, logFile }, signal);
}
