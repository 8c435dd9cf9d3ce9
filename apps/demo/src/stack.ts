/** Everything the consumer needs, made fresh: servers, queue, keyring, schema, logins. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startForgetfulQueue } from "@org/faults/forgetful-queue";
import {
  type ChosenContract,
  createLogin,
  execute,
  leashDirectory,
  localAwsEnvironment,
  type LocalPostgres,
  openQueueAdmin,
  type QueueAdmin,
  startPostgres,
  startQueueServer,
  unleashDirectory,
} from "@org/local";
import type { AnyContract } from "@org/schema";
import { runCommand } from "./commands.ts";

const database = "maskline";
const maxReceiveCount = 10;
/** Short, so that messages whose delete was forgotten come back while one watches. */
const visibilityTimeoutSeconds = 3;

export interface Stack extends AsyncDisposable {
  readonly contract: AnyContract;
  readonly queue: QueueAdmin;
  readonly queueUrl: string;
  readonly deadLetterUrl: string;
  /** The superuser's URL of the demo's database. */
  readonly adminUrl: string;
  /** The URL of a login that may read the contract's table and nothing else. */
  readonly analystUrl: string;
  /** What the consumer is started with. */
  readonly consumerEnv: Readonly<Record<string, string>>;
  readonly privateKeyringFile: string;
  readonly directory: string;
}

export interface StackOptions extends ChosenContract {
  /** How many batches of deletes the queue confirms and forgets. */
  readonly forgottenDeletes: number;
  readonly signal: AbortSignal;
}

/** Starts the stack; what was started is stopped in reverse, also when starting fails half-way. */
export async function startStack({
  contract,
  reference,
  forgottenDeletes,
  signal,
}: StackOptions): Promise<Stack> {
  await using opening = new AsyncDisposableStack();
  const directory = await makeDirectory(opening);
  const postgres = opening.use(await startPostgres());
  const queueServer = opening.use(await startQueueServer());
  const { endpoint } = opening.use(
    await startForgetfulQueue(queueServer.endpoint, { batches: forgottenDeletes }),
  );
  const queue = opening.adopt(openQueueAdmin(endpoint), (admin) => admin.close());
  const queues = await queue.createQueueWithDeadLetters(`${contract.name}-queue`, {
    maxReceiveCount,
    visibilityTimeoutSeconds,
  });

  const keyringFile = join(directory, "demo.keyring.json");
  const privateKeyringFile = join(directory, "demo.private.keyring.json");
  const initKeys = [
    "keys",
    "init",
    "--keyring",
    keyringFile,
    "--private-keyring",
    privateKeyringFile,
  ];
  const keyLog = join(directory, "keys.log");
  await runCommand({ name: "recover", args: initKeys, env: {}, logFile: keyLog }, signal);
  const urls = await prepareDatabase(postgres, { reference, directory, signal });

  const held = opening.move();
  return {
    contract,
    queue,
    ...queues,
    adminUrl: urls.admin,
    analystUrl: urls.analyst,
    consumerEnv: {
      ...localAwsEnvironment,
      AWS_ENDPOINT_URL_SQS: endpoint,
      SQS_QUEUE_URL: queues.queueUrl,
      DATABASE_URL: urls.consumer,
      MASKLINE_CONTRACT: reference,
      MASKLINE_KEYRING: keyringFile,
    },
    privateKeyringFile,
    directory,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function makeDirectory(opening: AsyncDisposableStack): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "maskline-demo-"));
  leashDirectory(directory);
  opening.defer(async () => {
    await rm(directory, { recursive: true });
    unleashDirectory(directory);
  });
  return directory;
}

async function prepareDatabase(
  postgres: LocalPostgres,
  {
    reference,
    directory,
    signal,
  }: { readonly reference: string; readonly directory: string; readonly signal: AbortSignal },
): Promise<{ admin: string; consumer: string; analyst: string }> {
  const admin = postgres.url({ database });
  await execute(postgres.adminUrl, [`CREATE DATABASE ${database}`]);
  await migrate({ url: admin, reference, directory }, signal);
  return {
    admin,
    consumer: await createLogin(admin, { name: "consumer", memberOf: "maskline_writer" }),
    analyst: await createLogin(admin, { name: "analyst", memberOf: "maskline_analyst" }),
  };
}

/** Brings the stack's database to what its contract says now. */
export async function migrateStack(
  { adminUrl, consumerEnv, directory }: Stack,
  signal: AbortSignal,
): Promise<void> {
  const reference = consumerEnv["MASKLINE_CONTRACT"] ?? "";
  await migrate({ url: adminUrl, reference, directory }, signal);
}

async function migrate(
  {
    url,
    reference,
    directory,
  }: { readonly url: string; readonly reference: string; readonly directory: string },
  signal: AbortSignal,
): Promise<void> {
  const env = { MIGRATE_DATABASE_URL: url, MASKLINE_CONTRACT: reference };
  await runCommand({ name: "migrate", env, logFile: join(directory, "migrate.log") }, signal);
}
