/** One end-to-end contender: a process that takes from a queue, for a time. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { leashChild } from "@org/local";
import { Disqualified, type Measurement } from "./bench.ts";
import { cpuMicrosOf, peakRssOf } from "./process-usage.ts";
import type { BenchQueue } from "./queue/queue-server.ts";
import type { Stage } from "./stage.ts";
import { countWrong, type Side } from "./written.ts";

export interface Contender {
  readonly name: string;
  readonly label: string;
  readonly command: readonly [file: string, ...args: string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Where its rows are counted and compared afterwards; null for one that writes none. */
  readonly writesTo: Side | null;
  /** Whether it also has to have sealed the originals. */
  readonly seals?: boolean;
  /** How many run at once, on one queue. */
  readonly processes?: number;
}

export interface Load {
  /** How long is measured. For half as long before, from the first delete on, it warms up. */
  readonly seconds: number;
  /** At least so many messages wait at any time; as many as there are bodies, unless told. */
  readonly waiting?: number;
}

/** Longer than a lease: who has deleted nothing for so long has stopped. */
const stalledMs = 45_000;

/** Some hold their last messages for minutes: of these are shown as left, and what was deleted is compared. */
const drainMs = 30_000;

let queues = 0;

/**
 * Starts the contender on empty tables and a queue that is kept full, lets it warm up, and counts
 * what it deletes in the time that is measured. Then nothing more is sent: what it has written, also
 * while it warmed up, is compared when it has deleted the last, or had half a minute for that.
 */
export async function measureContender(
  contender: Contender,
  stage: Stage,
  { seconds, waiting = stage.bodies.length }: Load,
): Promise<Measurement> {
  const { database, queueServer } = stage;
  await database.clear();
  queues += 1;
  const queue = await queueServer.createQueue(`bench-${queues}`);
  await queue.keep(stage.bodies, waiting);
  const running = startProcesses(contender, stage, queue.url);
  const { ended, said } = running;
  try {
    await unlessEnded(ended, deletesPast(queue, 0));
    await unlessEnded(ended, sleep(500 * seconds));
    said.length = 0;
    const before = await readUsage(stage, queue, running);
    await unlessEnded(ended, sleep(1000 * seconds));
    // At least one, however short the time or slow the machine.
    await unlessEnded(ended, deletesPast(queue, before.deleted));
    const after = await readUsage(stage, queue, running);
    await unlessEnded(ended, Promise.race([queue.drain(), sleep(drainMs)]));

    const { sent, deleted, redelivered } = await queue.counts();
    await checkOutcome(contender, stage, { sent, deleted });
    for (const line of said.slice(0, 3)) process.stderr.write(`  ${contender.label}: ${line}\n`);
    return {
      ...measured(contender, before, after),
      redelivered,
      left: sent - deleted,
      errors: said.length,
    };
  } finally {
    await endProcesses(running);
  }
}

interface Usage {
  readonly atNs: bigint;
  readonly deleted: number;
  readonly own: number;
  readonly postgres: number;
  readonly queue: number;
  readonly peakRss: number;
}

async function readUsage(
  { database, queueServer }: Stage,
  queue: BenchQueue,
  { pids }: Running,
): Promise<Usage> {
  const [{ atNs, deleted }, own, postgres, ofQueue, rss] = await Promise.all([
    queue.counts(),
    Promise.all(pids.map(cpuMicrosOf)),
    database.cpuMicros(),
    cpuMicrosOf(queueServer.pid),
    Promise.all(pids.map(peakRssOf)),
  ]);
  const peakRss = Math.max(...rss);
  return { atNs, deleted, own: sum(own), postgres, queue: ofQueue, peakRss };
}

function measured({ writesTo }: Contender, before: Usage, after: Usage): Measurement {
  const messages = after.deleted - before.deleted;
  const each = (of: "own" | "postgres" | "queue"): number => (after[of] - before[of]) / messages;
  return {
    perSecond: (messages * 1e9) / Number(after.atNs - before.atNs),
    cpuMicros: each("own"),
    ...(writesTo && { postgresCpuMicros: each("postgres") }),
    queueCpuMicros: each("queue"),
    peakRss: after.peakRss,
  };
}

interface Running {
  readonly processes: readonly ChildProcess[];
  readonly pids: readonly number[];
  /** Resolves when the first of them ends. */
  readonly ended: Promise<unknown>;
  /** What they printed: contenders are told to print their faults alone. */
  readonly said: string[];
}

function startProcesses(contender: Contender, stage: Stage, queueUrl: string): Running {
  const [file, ...args] = contender.command;
  const said: string[] = [];
  const processes = Array.from({ length: contender.processes ?? 1 }, () => {
    const child = spawn(file, args, {
      cwd: stage.directory,
      env: { PATH: process.env["PATH"], ...stage.env, ...contender.env, SQS_QUEUE_URL: queueUrl },
      stdio: ["ignore", "pipe", "pipe"],
    });
    leashChild(child, "SIGKILL");
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said.push(...text.split("\n").filter((line) => line.trim() !== ""));
      });
    }
    return child;
  });
  const pids = processes.map(({ pid }) => pid ?? 0);
  const ended = Promise.race(processes.map(async (child) => once(child, "exit")));
  return { processes, pids, ended, said };
}

/** At once: nothing is left for them to do. */
async function endProcesses({ processes }: Running): Promise<void> {
  const exits = processes.map(async (child) => {
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  for (const child of processes) child.kill("SIGKILL");
  await Promise.all(exits);
}

async function unlessEnded(ended: Promise<unknown>, work: Promise<unknown>): Promise<void> {
  await Promise.race([
    work,
    ended.then(() => {
      throw new Disqualified("it ended before the queue was empty");
    }),
  ]);
}

async function deletesPast(queue: BenchQueue, deletedBefore: number): Promise<void> {
  for (let triesLeft = stalledMs / 50; triesLeft > 0; triesLeft -= 1) {
    if ((await queue.counts()).deleted > deletedBefore) return;
    await sleep(50);
  }
  throw new Disqualified("it deleted nothing");
}

async function checkOutcome(
  { writesTo, seals = false }: Contender,
  { database, expected, bodies }: Stage,
  { sent, deleted }: { readonly sent: number; readonly deleted: number },
): Promise<void> {
  if (!writesTo) return;
  const { messages, distinct, values } = await database.written(writesTo);
  if (distinct < deleted) throw new Disqualified(`it lost ${deleted - distinct} messages`);
  if (messages > distinct) throw new Disqualified(`it doubled ${messages - distinct} messages`);
  const wrong = countWrong(values, expected[writesTo], sent / bodies.length);
  if (wrong > 0) throw new Disqualified(`it wrote ${wrong} rows with wrong values`);
  if (seals && !(await database.opens(distinct)))
    throw new Disqualified("its originals do not open");
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
