/** What the consumers run against: PostgreSQL behind one fault proxy each, a hostile SQS server, keyrings. */
import { localAwsEnvironment, openQueueAdmin } from "@org/local";
import type { ChosenContract, LocalPostgres, QueueAdmin } from "@org/local";
import { startDistance } from "@org/faults/distance";
import { startFaultProxy } from "@org/faults/fault-proxy";
import type { FaultProxy, ProxiedConnection } from "@org/faults/fault-proxy";
import type { Fault, QueueRequest } from "@org/faults/hostile-queue-server";

import type { AnyContract } from "@org/schema";

import { openDatabase } from "./database.ts";
import type { Database, Query } from "./database.ts";
import { createKeyrings } from "./keyrings.ts";
import type { Keyrings } from "./keyrings.ts";
import type { QueueKind } from "./options.ts";
import { openQueueServer } from "./queue-servers.ts";
import type { QueueServer, QueueServerName } from "./queue-servers.ts";
import { refuseSome } from "./refusal.ts";

/** What a fault may do at the moments that can be seen from outside. `consumer` counts from 0. */
export interface Hooks {
  /** Before a request to the queue is carried out. */
  request?: (request: QueueRequest, consumer: number | null) => Fault | null;
  /** A fault that `request` chose met its request; `answer` is null where that was not carried out. */
  struck?: (fault: Fault, answer: unknown) => void;
  /** After the answer to a request was sent. */
  answered?: (request: QueueRequest, consumer: number | null, answer: unknown) => void;
  /** A batch is on its way to PostgreSQL; nothing of it has arrived. */
  writing?: (consumer: number, connection: ProxiedConnection) => void;
  /** A batch was committed; its reply has not reached the consumer. */
  committed?: (consumer: number, connection: ProxiedConnection) => void;
}

export interface Stage extends AsyncDisposable {
  readonly contract: AnyContract;
  readonly directory: string;
  readonly database: Database;
  readonly postgres: LocalPostgres;
  /** One for each consumer. */
  readonly proxies: readonly FaultProxy[];
  readonly server: QueueServer;
  /** Talks to the server directly: no fault meets what it does. */
  readonly admin: QueueAdmin;
  readonly queueUrl: string;
  readonly deadLetterUrl: string;
  readonly keyrings: Keyrings;
  /** Replaced by each fault, emptied after it. */
  hooks: Hooks;
  /** Messages whose delete arrived before another connection could see them decided. */
  readonly deletedEarly: readonly string[];
  /** Messages whose rows were erased. */
  readonly erased: Set<string>;
  /** Verifies the deletes that arrived while the database could not be asked. */
  readonly verifyDeferred: () => Promise<void>;
  /** As superuser, past the proxies. */
  readonly query: Query;
  /** The whole environment of a consumer. */
  readonly consumerEnv: (consumer: number) => Readonly<Record<string, string>>;
}

export interface StageOptions extends ChosenContract {
  readonly directory: string;
  readonly server: QueueServerName;
  readonly kind: QueueKind;
  readonly vault: boolean;
  readonly consumers: number;
  /** Between the consumers and the queue, in milliseconds. */
  readonly rttMs: number;
  /** Of each consumer. */
  readonly workers: number;
}

export const visibilityTimeoutSeconds = 2;
const maxReceiveCount = 10;

export async function openStage({
  contract,
  reference,
  directory,
  server: serverName,
  kind,
  vault,
  consumers,
  rttMs,
  workers,
}: StageOptions): Promise<Stage> {
  await using opening = new AsyncDisposableStack();
  let hooks: Hooks = {};
  const deletedEarly: string[] = [];
  const deferred = new Set<string>();

  const database = opening.use(await openDatabase(contract));
  const { postgres, query } = database;
  const writerUrl = await database.createLogin("maskline_writer");
  await refuseSome(query, contract);

  const proxies: FaultProxy[] = [];
  for (let consumer = 0; consumer < consumers; consumer += 1) {
    const proxy = await openDatabaseProxy(postgres.port, {
      writing: (connection) => hooks.writing?.(consumer, connection),
      committed: (connection) => hooks.committed?.(consumer, connection),
    });
    proxies.push(opening.use(proxy));
  }

  async function isDecided(messageId: string): Promise<boolean> {
    const decided = await query("SELECT FROM maskline.ledger WHERE message_id = $1", [messageId]);
    return decided.length === 1;
  }

  const server = opening.use(
    await openQueueServer(serverName, {
      plan: (request) => hooks.request?.(request, consumerOf(request)) ?? null,
      onFault: (_request, fault, answer) => hooks.struck?.(fault, answer),
      onAnswer: (request, answer) => hooks.answered?.(request, consumerOf(request), answer),
      async onDelete(messageId) {
        const decided = await isDecided(messageId).catch(() => null);
        if (decided === null) deferred.add(messageId);
        if (decided === false) deletedEarly.push(messageId);
      },
    }),
  );
  const admin = opening.adopt(openQueueAdmin(server.endpoint), (opened) => opened.close());
  const { queueUrl, deadLetterUrl } = await admin.createQueueWithDeadLetters("messages", {
    maxReceiveCount,
    visibilityTimeoutSeconds,
    fifo: kind === "fifo",
  });
  const { hostname: host, port: serverPort } = new URL(server.endpoint);
  const address = { host, port: Number(serverPort) };
  const { port } = rttMs > 0 ? opening.use(await startDistance(address, rttMs)) : address;
  const keyrings = await createKeyrings(directory, { vault });

  const opened = opening.move();
  return {
    contract,
    directory,
    database,
    postgres,
    proxies,
    server,
    admin,
    queueUrl,
    deadLetterUrl,
    keyrings,
    get hooks() {
      return hooks;
    },
    set hooks(next) {
      hooks = next;
    },
    deletedEarly,
    erased: new Set(),
    async verifyDeferred() {
      for (const messageId of deferred) {
        if (!(await isDecided(messageId))) deletedEarly.push(messageId);
      }
      deferred.clear();
    },
    query,
    consumerEnv(consumer) {
      const databaseUrl = new URL(writerUrl);
      databaseUrl.port = String(proxies[consumer]?.port ?? postgres.port);
      return {
        ...localAwsEnvironment,
        AWS_ACCESS_KEY_ID: `consumer${consumer}`,
        SQS_QUEUE_URL: queueUrl,
        AWS_ENDPOINT_URL_SQS: `http://${host}:${port}`,
        DATABASE_URL: databaseUrl.href,
        MASKLINE_CONTRACT: reference,
        MASKLINE_KEYRING: keyrings.path,
        MASKLINE_VAULT: vault ? "on" : "off",
        MASKLINE_BATCH_AGE_MS: "50",
        MASKLINE_POLLERS: "8",
        MASKLINE_WAIT_SECONDS: "1",
        MASKLINE_WORKERS: String(workers),
        LOG_LEVEL: "debug",
        PORT: "0",
      };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** What a receive handed out; of another request's answer, nothing. */
export function messagesOf(answer: unknown): readonly unknown[] {
  return ((answer ?? {}) as { Messages?: readonly unknown[] }).Messages ?? [];
}

/** The consumer signs with an access key of its own: that is how a request is known to be its. */
function consumerOf({ headers }: QueueRequest): number | null {
  const digits = /Credential=consumer(\d+)\//.exec(headers["authorization"] ?? "")?.[1];
  return digits === undefined ? null : Number(digits);
}

/** How the names of the prepared statements that write batches begin, as they stand in each Bind message. */
const writeMark = Buffer.from("\0maskline_write");
/** The command tag of its only result row, which PostgreSQL sends once it has committed. */
const doneMark = Buffer.from("SELECT 1\0");

async function openDatabaseProxy(
  port: number,
  seen: {
    readonly writing: (connection: ProxiedConnection) => void;
    readonly committed: (connection: ProxiedConnection) => void;
  },
): Promise<FaultProxy> {
  const writing = new WeakSet<ProxiedConnection>();
  return startFaultProxy({
    host: "127.0.0.1",
    port,
    onRequest(bytes, connection) {
      if (!bytes.includes(writeMark)) return;
      writing.add(connection);
      seen.writing(connection);
    },
    onResponse(bytes, connection) {
      if (!writing.has(connection) || !bytes.includes(doneMark)) return;
      writing.delete(connection);
      seen.committed(connection);
    },
  });
}
