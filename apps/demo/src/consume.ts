/** Runs the consumer until the queue is empty, and follows its counters meanwhile. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "@org/local";
import { readSeries } from "@org/scrape";
import { runCommand } from "./commands.ts";
import type { Stack } from "./stack.ts";

const readEveryMs = 100;
const answerMs = 5_000;

interface Progress {
  readonly written: number;
  readonly quarantined: number;
  readonly duplicates: number;
}

export interface Consumed {
  readonly duplicates: number;
  /** From the consumer's start until the last message had its outcome. */
  readonly seconds: number;
}

export interface ConsumeOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/** Resolves when the consumer has drained the queue and exited. */
export async function consume(
  stack: Stack,
  { signal, onProgress }: ConsumeOptions,
): Promise<Consumed> {
  const port = await freePort();
  const startedAt = performance.now();
  let decidedAt = startedAt;
  let latest: Progress = { written: 0, quarantined: 0, duplicates: 0 };

  const read = async (): Promise<void> => {
    const progress = await readProgress(`http://127.0.0.1:${port}/metrics`);
    if (!progress) return;
    if (decided(progress) > decided(latest)) decidedAt = performance.now();
    latest = progress;
    onProgress(progress);
  };

  const ended = new AbortController();
  const run = runCommand(
    {
      name: "consumer",
      args: ["--until-empty"],
      env: { ...stack.consumerEnv, PORT: String(port) },
      logFile: join(stack.directory, "consumer.log"),
    },
    signal,
  ).finally(() => ended.abort());
  const watch = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await read();
      await sleep(readEveryMs);
    }
  };
  await Promise.all([run, watch()]);

  return { duplicates: latest.duplicates, seconds: (decidedAt - startedAt) / 1_000 };
}

/** How many messages have their outcome. */
function decided({ written, quarantined }: Progress): number {
  return written + quarantined;
}

const counterOf = (name: string): string => `maskline_messages_${name}_total`;
const counters = new Set(["written", "quarantined", "duplicate"].map(counterOf));

/** Null while the consumer does not answer: it is starting, or has ended. */
async function readProgress(url: string): Promise<Progress | null> {
  try {
    const series = [...(await readSeries(url, counters, answerMs))];
    const count = (name: string): number =>
      series
        .filter(([key]) => key.startsWith(counterOf(name)))
        .reduce((sum, [, value]) => sum + value, 0);
    return {
      written: count("written"),
      quarantined: count("quarantined"),
      duplicates: count("duplicate"),
    };
  } catch {
    return null;
  }
}
