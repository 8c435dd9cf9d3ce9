/** What an end-to-end test of the consumer stands on: a database, a queue, keyrings, and the process itself. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";

import {
  createTestDatabase,
  leashChild,
  localAwsEnvironment,
  nodeEnvironment,
  openQueueAdmin,
} from "@org/local";
import type { QueueAdmin, TestDatabase } from "@org/local";
import { generateKeyring, writeKeyring } from "@org/masking/keyring";
import { migrate } from "@org/db";
import type { AnyContract } from "@org/schema";
import type { Served } from "@org/schema/test-contracts";
import { Client } from "pg";
import type { QueryResultRow } from "pg";
import { inject, onTestFinished } from "vitest";

import { anyServed } from "./contracts.ts";

const appDirectory = fileURLToPath(new URL("../../", import.meta.url));
/** The one that the start script reads: a developer's, with a queue and a database of theirs. */
const checkoutEnvFile = fileURLToPath(new URL("../../../../.env", import.meta.url));

/** What any process needs to find its tools: no setting of the consumer's. */
export const shellEnvironment: Readonly<Record<string, string>> = {
  ...nodeEnvironment,
  // Empty where HOME is: corepack and npm would then write into the working directory.
  HOME: homedir() || tmpdir(),
};

export interface Stack extends AsyncDisposable {
  readonly contract: AnyContract;
  readonly database: TestDatabase;
  readonly queue: QueueAdmin;
  readonly queueUrl: string;
  readonly deadLetterUrl: string;
  readonly keyringPath: string;
  readonly privateKeyringPath: string;
  /** The whole environment of a consumer: nothing of this process's own is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly query: <Row extends QueryResultRow>(text: string, values?: unknown[]) => Promise<Row[]>;
}

export interface StackOptions {
  readonly served?: Served;
  readonly vault?: boolean;
  readonly fifo?: boolean;
  readonly maxReceiveCount?: number;
  readonly visibilityTimeoutSeconds?: number;
  /** Of another SQS server than the one that the run's tests share. */
  readonly endpoint?: string;
}

let queues = 0;

export async function openStack({
  served = anyServed,
  vault = true,
  fifo = false,
  maxReceiveCount = 10,
  visibilityTimeoutSeconds = 30,
  endpoint = inject("queueEndpoint"),
}: StackOptions = {}): Promise<Stack> {
  await using opening = new AsyncDisposableStack();
  const database = opening.use(
    await createTestDatabase(inject("postgresAdminUrl"), "maskline_template"),
  );
  // The template has the first contract's table.
  if (served !== anyServed) await migrate(database.adminUrl, { contract: served.contract });
  const databaseUrl = await database.createLogin("maskline_writer");

  const queue = openQueueAdmin(endpoint);
  opening.defer(() => queue.close());
  queues += 1;
  const { queueUrl, deadLetterUrl } = await queue.createQueueWithDeadLetters(
    `${database.name}-${queues}`,
    { maxReceiveCount, visibilityTimeoutSeconds, fifo },
  );

  const directory = await mkdtemp(join(tmpdir(), "maskline-consumer-test-"));
  opening.defer(() => rm(directory, { recursive: true }));
  const keyringPath = join(directory, "keyring.json");
  const privateKeyringPath = join(directory, "private-keyring.json");
  const { keyring, privateKeyring } = generateKeyring();
  await writeKeyring(keyringPath, vault ? keyring : { ...keyring, recipients: [] });
  await writeKeyring(privateKeyringPath, privateKeyring);

  const admin = new Client({ connectionString: database.adminUrl });
  await admin.connect();
  opening.defer(() => admin.end());

  const opened = opening.move();
  return {
    contract: served.contract,
    database,
    queue,
    queueUrl,
    deadLetterUrl,
    keyringPath,
    privateKeyringPath,
    env: {
      ...localAwsEnvironment,
      ...shellEnvironment,
      SQS_QUEUE_URL: queueUrl,
      AWS_ENDPOINT_URL_SQS: endpoint,
      DATABASE_URL: databaseUrl,
      MASKLINE_KEYRING: keyringPath,
      MASKLINE_CONTRACT: served.reference,
      PORT: "0",
    },
    async query(text, values) {
      const { rows } = await admin.query(text, values);
      return rows;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

export interface RunningConsumer {
  readonly process: ChildProcess;
  /** Everything it has said so far, on both streams. */
  readonly output: () => string;
  /** Resolves with the first log line whose message this is. */
  readonly logged: (message: string) => Promise<Record<string, unknown>>;
  readonly exited: () => Promise<{
    code: number | null;
    signal: NodeJS.Signals | null;
    output: string;
  }>;
}

/** Starts the consumer as its image does: node on main.ts, without pnpm in between. */
export function startConsumer(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): RunningConsumer {
  return startNode(["--disable-sigusr1", "--conditions=@org/source", "src/main.ts", ...args], env);
}

/** Starts it as its users do: with pnpm. */
export function startConsumerWithPnpm(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): RunningConsumer {
  const command = [findPnpm(), "--filter", "consumer", "start", ...args];
  return startNode(command, { ...nothingFrom(checkoutEnvFile), ...env });
}

/** An exported variable beats the file's, and an empty one counts as unset. */
function nothingFrom(envFile: string): Record<string, string> {
  if (!existsSync(envFile)) return {};
  const names = Object.keys(parseEnv(readFileSync(envFile, "utf8")));
  return Object.fromEntries(names.map((name) => [name, ""]));
}

/** The pnpm that runs these tests, else the one that npx would run. */
function findPnpm(): string {
  const running = process.env["npm_execpath"];
  // Under npx it is npm that is named, whatever it started.
  if (running !== undefined && /pnpm[^/\\]*$/.test(running)) return running;
  const where = ["--prefer-offline", "-y", "-p", "pnpm@10.34.9", "-c", "command -v pnpm"];
  return execFileSync("npx", where, { encoding: "utf8" }).trim();
}

/** In a process group of its own, which ends with the test: a failed one must leave no consumer behind. */
export function startNode(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): RunningConsumer {
  const child = spawn(process.execPath, command, {
    cwd: appDirectory,
    env: { ...env },
    detached: true,
  });
  leashChild(child);
  let isRunning = true;
  child.once("close", () => (isRunning = false));
  onTestFinished(() => {
    if (isRunning && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  });
  return watch(child);
}

function watch(child: ChildProcess): RunningConsumer {
  let output = "";
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      for (const listener of listeners) listener();
    });
  }
  const exit = once(child, "close");

  return {
    process: child,
    output: () => output,
    async logged(message) {
      for (;;) {
        const found = output
          .split("\n")
          .filter((line) => line.startsWith("{") && line.endsWith("}"))
          .map((line) => JSON.parse(line) as Record<string, unknown>)
          .find((line) => line["msg"] === message);
        if (found) return found;
        const { promise, resolve } = Promise.withResolvers<void>();
        listeners.add(resolve);
        const ended = await Promise.race([promise.then(() => false), exit.then(() => true)]);
        listeners.delete(resolve);
        if (ended) throw new Error(`The consumer ended before it logged "${message}":\n${output}`);
      }
    },
    async exited() {
      const [code, signal] = (await exit) as [number | null, NodeJS.Signals | null];
      return { code, signal, output };
    },
  };
}

/** Drains the queue and resolves when the consumer says that it is empty. */
export async function drain(env: Readonly<Record<string, string>>): Promise<{ output: string }> {
  const { code, output } = await startConsumer(env, ["--until-empty"]).exited();
  if (code !== 0) throw new Error(`The consumer exited with ${code}:\n${output}`);
  return { output };
}

/** Resolves once a write waits for the ledger, which the test has locked, and all messages are in hand. */
export async function untilWriteHangs(stack: Stack): Promise<void> {
  for (;;) {
    // Within the transaction that holds the lock, who is connected would stay what it was at first.
    await stack.query("SELECT pg_stat_clear_snapshot()");
    const waiting = await stack.query(
      `SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND relation = 'maskline.ledger'::regclass AND application_name = 'maskline-writer'`,
    );
    const { visible } = await stack.queue.depth(stack.queueUrl);
    if (waiting.length > 0 && visible === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
