/** What every end-to-end candidate runs on: the same messages, queue server, database and keys. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFaultProxy } from "@org/faults/fault-proxy";
import { localAwsEnvironment } from "@org/local";
import { generateKeyring, writeKeyring } from "@org/masking/keyring";
import { type BenchDatabase, openOwnDatabase } from "./bench-database.ts";
import { type BenchQueueServer, startBenchQueueServer } from "./queue/queue-server.ts";
import { sampleBodies } from "./samples.ts";

export interface Stage extends AsyncDisposable {
  readonly database: BenchDatabase;
  readonly queueServer: BenchQueueServer;
  readonly directory: string;
  /** Bodies of logins. Other shapes are left out: each candidate would do something else with them. */
  readonly bodies: readonly string[];
  /** The whole environment of a candidate, but for its queue. */
  readonly env: Readonly<Record<string, string>>;
}

const distinctBodies = 10_000;

interface Distance {
  readonly rttMs?: number;
  readonly dbRttMs?: number;
}

/** On a database of its own, unless one is given. */
export async function openStage({
  database: given,
  rttMs = 0,
  dbRttMs = 0,
}: Distance & { readonly database?: BenchDatabase } = {}): Promise<Stage> {
  await using opening = new AsyncDisposableStack();
  const database = given ?? opening.use(await openOwnDatabase());
  const queueServer = opening.use(await startBenchQueueServer(rttMs));
  const databaseUrl = new URL(database.writerUrl);
  if (dbRttMs > 0) {
    const { hostname: host, port } = databaseUrl;
    const proxy = opening.use(await startFaultProxy({ host, port: Number(port) }));
    proxy.setFault({ kind: "delay", ms: dbRttMs / 2 });
    databaseUrl.port = String(proxy.port);
  }
  const directory = await mkdtemp(join(tmpdir(), "maskline-bench-"));
  opening.defer(() => rm(directory, { recursive: true }));
  const keyringPath = join(directory, "bench.keyring.json");
  await writeKeyring(keyringPath, generateKeyring().keyring);

  const opened = opening.move();
  return {
    database,
    queueServer,
    directory,
    bodies: sampleBodies(distinctBodies),
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
