/** What every end-to-end candidate runs on: the same messages, queue server, database and keys. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localAwsEnvironment } from "@org/local";
import { writeKeyring } from "@org/masking/keyring";
import { type BenchDatabase, openOwnDatabase } from "./bench-database.ts";
import { startDistance } from "@org/faults/distance";
import { type BenchQueueServer, startBenchQueueServer } from "./queue/queue-server.ts";
import { samples } from "./samples.ts";
import type { Expected, Side } from "./written.ts";

export interface Stage extends AsyncDisposable {
  readonly database: BenchDatabase;
  readonly queueServer: BenchQueueServer;
  readonly directory: string;
  /** Bodies of logins. Other shapes are left out: each candidate would do something else with them. */
  readonly bodies: readonly string[];
  /** What each side has to write for them, once each. */
  readonly expected: Readonly<Record<Side, Expected>>;
  /** The whole environment of a candidate, but for its queue. */
  readonly env: Readonly<Record<string, string>>;
}

/** All of them are sent each time that the queue is filled: fewer for a quick run. */
const distinctBodies = 2_000;

interface Distance {
  /** None where null. */
  readonly rttMs?: number | null;
  readonly dbRttMs?: number | null;
}

/** On a database of its own, unless one is given. */
export async function openStage({
  database: given,
  rttMs,
  dbRttMs,
  scale = 1,
}: Distance & { readonly database?: BenchDatabase; readonly scale?: number } = {}): Promise<Stage> {
  await using opening = new AsyncDisposableStack();
  const database = given ?? opening.use(await openOwnDatabase());
  const queueServer = opening.use(await startBenchQueueServer(rttMs ?? 0));
  const databaseUrl = new URL(database.writerUrl);
  if (dbRttMs) {
    const { hostname: host, port } = databaseUrl;
    const distance = await startDistance({ host, port: Number(port) }, dbRttMs);
    databaseUrl.port = String(opening.use(distance).port);
  }
  const directory = await mkdtemp(join(tmpdir(), "maskline-bench-"));
  opening.defer(() => rm(directory, { recursive: true }));
  const keyringPath = join(directory, "bench.keyring.json");
  await writeKeyring(keyringPath, database.keys.keyring);
  const sampled = samples(Math.ceil(distinctBodies * scale));
  const expected = await database.keys.expected(sampled.map(({ message }) => message));

  const opened = opening.move();
  return {
    database,
    queueServer,
    directory,
    bodies: sampled.map(({ body }) => body),
    expected,
    env: {
      ...localAwsEnvironment,
      // boto3 knows the region by its older name only.
      AWS_DEFAULT_REGION: localAwsEnvironment["AWS_REGION"] ?? "",
      AWS_ENDPOINT_URL_SQS: queueServer.endpoint,
      DATABASE_URL: databaseUrl.href,
      MASKLINE_KEYRING: keyringPath,
      LOG_LEVEL: "warn",
      PORT: "0",
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
