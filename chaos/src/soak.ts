/** A deep queue drained by consumers that are killed all the while; then every message is sought in the database. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { startBenchQueueServer } from "@org/bench/queue-server";
import type { BenchQueue } from "@org/bench/queue-server";
import { messageIds } from "@org/faults/message-ids";
import type { Counts } from "@org/faults/message-store";
import { chooseContract, localAwsEnvironment } from "@org/local";
import { createTokenizer } from "@org/masking";
import { loadKeyring } from "@org/masking/keyring";
import { createRandom, sampleMessages } from "@org/schema";

import { openDatabase } from "./database.ts";
import { startFleet } from "./fleet.ts";
import type { Fleet } from "./fleet.ts";
import { openJournal } from "./journal.ts";
import { createKeyrings } from "./keyrings.ts";
import type { SoakOptions } from "./options.ts";
import { noteSent, readSoakEndings } from "./soak-endings.ts";
import { verdictOfSoak } from "./soak-report.ts";
import type { SoakReport } from "./soak-report.ts";

export interface SoakRun {
  readonly options: SoakOptions;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

const queueName = "messages";
/** A lease that a killed consumer's messages wait for, short so that many come again; the receives that docs/operations/install.md asks for. */
const queueSettings = { visibilityTimeoutSeconds: 10, maxReceiveCount: 10 };
/** The queue goes round these: each message has its own id, not its own body. */
const distinctMessages = 100_000;
const lookEveryMs = 200;
const progressEveryMs = 5_000;
/** Who has deleted nothing for so long has stopped: it is six leases. */
const stalledMs = 60_000;

export async function runSoak(run: SoakRun): Promise<SoakReport> {
  const directory = await mkdtemp(join(tmpdir(), "maskline-soak-"));
  try {
    const report = await soak(run, directory);
    if (verdictOfSoak(report) !== "passed") return { ...report, directory };
    await rm(directory, { recursive: true });
    return report;
  } catch (error) {
    // Interrupted, or a fault of the suite itself: there is no report that could name the logs.
    await rm(directory, { recursive: true });
    throw error;
  }
}

async function soak(run: SoakRun, directory: string): Promise<SoakReport> {
  const { options, progress } = run;
  await using opening = new AsyncDisposableStack();
  const { contract, reference } = await chooseContract(options.contract);
  const { createLogin, query } = opening.use(await openDatabase(contract));
  const writerUrl = await createLogin("maskline_writer");
  const server = opening.use(await startBenchQueueServer(options.rttMs));
  const queue = await server.createQueue(queueName, queueSettings);
  const keyrings = await createKeyrings(directory, { vault: true });

  const { messages: count, seed } = options;
  const messages = sampleMessages(contract, { count: Math.min(count, distinctMessages), seed });
  const tokenizer = createTokenizer(await loadKeyring(keyrings.path, { env: {} }), {
    tenant: "default",
    fields: contract.tokenFields,
  });
  const messageIdAt = messageIds(queueName);
  await noteSent(query, { contract, tokenizer, messages, count, messageIdAt });
  await queue.send(
    messages.map(({ body }) => body),
    count,
  );
  progress(`${count} messages wait in the queue`);

  const startedMs = performance.now();
  const fleet = opening.use(
    startFleet({
      size: options.consumers,
      directory,
      journal: openJournal(join(directory, "faults.jsonl")),
      launch: () => ({
        env: {
          ...localAwsEnvironment,
          SQS_QUEUE_URL: queue.url,
          AWS_ENDPOINT_URL_SQS: server.endpoint,
          DATABASE_URL: writerUrl,
          MASKLINE_CONTRACT: reference,
          MASKLINE_KEYRING: keyrings.path,
          MASKLINE_VAULT: "on",
          MASKLINE_WORKERS: String(options.workers),
          PORT: "0",
        },
      }),
    }),
  );
  const drain = await drainUnderFire(run, { queue, fleet });
  const seconds = (performance.now() - startedMs) / 1000;

  progress("every message is looked up in the database");
  const { redelivered, deadLettered } = await queue.counts();
  const { violations, ...endings } = await readSoakEndings(query, contract);
  return {
    options,
    seconds,
    redelivered,
    deadLettered,
    ...drain,
    ...endings,
    violations: [
      ...violations,
      ...fleet.crashes.map(() => "a consumer ended that nobody had killed"),
    ],
    directory: null,
  };
}

type Drain = Pick<SoakReport, "kills" | "readySeconds" | "peakMegabytes" | "inconclusive">;

/** Kills one consumer after another until the queue is empty and nothing is in flight. */
async function drainUnderFire(
  { options, signal, progress }: SoakRun,
  { queue, fleet }: { queue: BenchQueue; fleet: Fleet },
): Promise<Drain> {
  const random = createRandom(options.seed);
  const killEveryMs = options.killEverySeconds * 1000;
  const nextDelay = (): number =>
    random.integer(Math.round(killEveryMs / 2), Math.round(killEveryMs * 1.5));
  const peaks: number[] = [];
  const notePeak = async (consumer: number): Promise<void> => {
    const peak = await fleet.peakMegabytes(consumer);
    if (peak !== null) peaks.push(peak);
  };
  const drained = (inconclusive: readonly string[]): Drain => ({
    kills,
    readySeconds: (readyMs + (readySinceMs === null ? 0 : performance.now() - readySinceMs)) / 1000,
    peakMegabytes: peaks.length === 0 ? null : Math.max(...peaks),
    inconclusive,
  });

  let kills = 0;
  /** Null until all consume: on a slow machine they would else die before they had done anything. */
  let nextKillMs: number | null = null;
  let readySinceMs: number | null = null;
  let readyMs = 0;
  let nextProgressMs = 0;
  let watched = { deleted: 0, sinceMs: performance.now() };
  for (;;) {
    signal.throwIfAborted();
    const counts = await queue.counts();
    const nowMs = performance.now();
    if (counts.deleted > watched.deleted) watched = { deleted: counts.deleted, sinceMs: nowMs };
    if (isEmpty(counts)) break;
    if (nowMs > watched.sinceMs + stalledMs) {
      return drained([`nothing was deleted for ${stalledMs / 1000} s, and the queue is not empty`]);
    }
    if (nowMs >= nextProgressMs) {
      nextProgressMs = nowMs + progressEveryMs;
      progress(
        `${counts.visible} wait, ${counts.inFlight} in flight, ${counts.deleted} done; ${kills} kills, ${counts.redelivered} redelivered`,
      );
    }
    if (nextKillMs === null && fleet.isReady()) {
      nextKillMs = nowMs + nextDelay();
      readySinceMs = nowMs;
    }
    if (nextKillMs !== null && nowMs >= nextKillMs) {
      const victim = random.integer(0, fleet.size - 1);
      await notePeak(victim);
      if (fleet.kill(victim)) kills += 1;
      nextKillMs = null;
      readyMs += nowMs - (readySinceMs ?? nowMs);
      readySinceMs = null;
    }
    await sleep(lookEveryMs);
  }
  for (let consumer = 0; consumer < fleet.size; consumer += 1) await notePeak(consumer);
  return drained([]);
}

function isEmpty({ visible, inFlight }: Counts): boolean {
  return visible + inFlight === 0;
}
