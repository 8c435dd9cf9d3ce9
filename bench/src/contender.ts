/** One end-to-end contender: a process that empties a queue. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { leashChild } from "@org/local";
import type { Side } from "./bench-database.ts";
import { Disqualified, type Measurement } from "./bench.ts";
import { cpuMicrosOf, peakRssOf } from "./process-usage.ts";
import type { BenchQueue } from "./queue/queue-server.ts";
import type { Stage } from "./stage.ts";

export interface Contender {
  readonly name: string;
  readonly label: string;
  readonly command: readonly [file: string, ...args: string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Where its rows are counted afterwards; null for one that writes none. */
  readonly writesTo: Side | null;
  /** How many run at once, on one queue. */
  readonly processes?: number;
}

export interface Load {
  /** Consumed before the clock starts. */
  readonly warmUp: number;
  readonly messages: number;
  /** In how many parts they are sent, each when the one before is consumed. Default 1. */
  readonly parts?: number;
}

/** Longer than a lease: who has deleted nothing for so long has stopped. */
const stalledMs = 45_000;

let queues = 0;

/**
 * Starts the contender on an empty queue and empty tables, warms it up, and times the rest: from
 * the send to the last delete, both by the queue server's clock.
 */
export async function measureContender(
  contender: Contender,
  stage: Stage,
  load: Load,
): Promise<Measurement> {
  const { database, queueServer } = stage;
  await database.clear();
  queues += 1;
  const queue = await queueServer.createQueue(`bench-${queues}`);
  const running = startProcesses(contender, stage, queue.url);
  try {
    await consume(queue, running, stage.bodies, load.warmUp);
    const cpuBefore = await Promise.all(running.map(({ pid }) => cpuMicrosOf(pid ?? 0)));
    const postgresBefore = await database.cpuMicros();
    const queueBefore = await cpuMicrosOf(queueServer.pid);

    let seconds = 0;
    const { parts = 1 } = load;
    for (let part = 0; part < parts; part += 1) {
      seconds += await consume(queue, running, stage.bodies, load.messages / parts);
    }

    const cpuAfter = await Promise.all(running.map(({ pid }) => cpuMicrosOf(pid ?? 0)));
    const perMessage = (micros: number): number => micros / load.messages;
    const measurement: Measurement = {
      perSecond: load.messages / seconds,
      cpuMicros: perMessage(sum(cpuAfter) - sum(cpuBefore)),
      ...(contender.writesTo && {
        postgresCpuMicros: perMessage((await database.cpuMicros()) - postgresBefore),
      }),
      queueCpuMicros: perMessage((await cpuMicrosOf(queueServer.pid)) - queueBefore),
      peakRss: Math.max(...(await Promise.all(running.map(({ pid }) => peakRssOf(pid ?? 0))))),
    };
    await checkOutcome(contender, stage, load.warmUp + load.messages);
    return measurement;
  } finally {
    await endProcesses(running);
  }
}

interface Running {
  readonly process: ChildProcess;
  readonly pid: number | undefined;
  readonly ended: Promise<unknown>;
}

function startProcesses(contender: Contender, stage: Stage, queueUrl: string): Running[] {
  const [file, ...args] = contender.command;
  return Array.from({ length: contender.processes ?? 1 }, () => {
    const child = spawn(file, args, {
      cwd: stage.directory,
      env: { PATH: process.env["PATH"], ...stage.env, ...contender.env, SQS_QUEUE_URL: queueUrl },
      stdio: ["ignore", "ignore", "inherit"],
    });
    leashChild(child, "SIGKILL");
    return { process: child, pid: child.pid, ended: once(child, "exit") };
  });
}

/** At once: an empty queue is all that they had to do. */
async function endProcesses(running: readonly Running[]): Promise<void> {
  for (const { process } of running) process.kill("SIGKILL");
  await Promise.all(running.map(({ ended }) => ended));
}

/** Sends messages and resolves with the seconds that it took until all of them were deleted. */
async function consume(
  queue: BenchQueue,
  running: readonly Running[],
  bodies: readonly string[],
  count: number,
): Promise<number> {
  const watching = new AbortController();
  const drained = queue.drained();
  const startedNs = await queue.send(bodies, count);
  const ended = Promise.race(running.map(({ ended }) => ended));
  const endedNs = await Promise.race([
    drained,
    ended.then(() => "it ended before the queue was empty"),
    stalled(queue, watching.signal).then(() => "it stopped deleting messages"),
  ]).finally(() => watching.abort());
  if (typeof endedNs === "string") throw new Disqualified(endedNs);
  return Number(endedNs - startedNs) / 1e9;
}

async function stalled(queue: BenchQueue, signal: AbortSignal): Promise<void> {
  let deleted = -1;
  let sinceMs = performance.now();
  while (!signal.aborted && performance.now() - sinceMs < stalledMs) {
    await sleep(1_000, undefined, { signal }).catch(() => {});
    const counts = await queue.counts();
    if (counts.deleted !== deleted) {
      deleted = counts.deleted;
      sinceMs = performance.now();
    }
  }
}

async function checkOutcome(
  { writesTo }: Contender,
  { database }: Stage,
  expected: number,
): Promise<void> {
  if (!writesTo) return;
  const { messages, distinct } = await database.count(writesTo);
  if (distinct < expected) throw new Disqualified(`it lost ${expected - distinct} messages`);
  if (messages > distinct) throw new Disqualified(`it doubled ${messages - distinct} messages`);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
