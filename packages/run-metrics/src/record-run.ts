/** Leaves in a file what a run did, and how it ended. */

import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { open, rename, rm, writeFile } from "node:fs/promises";
import { type Environment, optional, path, readSettings } from "@org/settings";
import { gauge, replaceSamples, type Sample } from "./metric.ts";

export interface Run {
  /** As its user types it; one of those that the program has. */
  readonly command: string;
  readonly exitCode: number;
  /** By `performance.now()`. */
  readonly startedAtMs: number;
  /** What it did, beside how it ended. */
  readonly samples: readonly Sample[];
}

/** What every run leaves, by command. */
export const runMetrics = {
  exitCode: gauge("maskline_run_exit_code", "How the command ended last; 0 is well"),
  end: gauge("maskline_run_end_timestamp_seconds", "When the command ended last"),
  success: gauge("maskline_run_success_timestamp_seconds", "When the command last ended well"),
  duration: gauge("maskline_run_duration_seconds", "How long the command took last"),
};

const settings = {
  MASKLINE_METRICS_FILE: optional(path(), "a file *.prom for node_exporter's textfile collector"),
};

function fileOf(environment: Environment): string | null {
  const reading = readSettings(settings, environment);
  return "values" in reading ? reading.values.MASKLINE_METRICS_FILE : null;
}

/** Whether a run leaves anything: else what it would leave need not be found out. */
export function isWanted(environment: Environment): boolean {
  return fileOf(environment) !== null;
}

/**
 * Puts the run's series into the file that MASKLINE_METRICS_FILE names, if it names one.
 *
 * @returns Why that failed, without the path; else null. It fails in no other way.
 */
export async function recordRun(environment: Environment, run: Run): Promise<string | null> {
  const file = fileOf(environment);
  if (file === null) return null;
  try {
    const samples = [...samplesOf(run), ...run.samples];
    await replaceFile(file, replaceSamples(await readIfThere(file), samples));
    return null;
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    return `The metrics of this run were not written (${code}): check MASKLINE_METRICS_FILE.`;
  }
}

function samplesOf({ command, exitCode, startedAtMs }: Run): Sample[] {
  const labels = { command };
  const now = Date.now() / 1000;
  return [
    { metric: runMetrics.exitCode, labels, value: exitCode },
    { metric: runMetrics.end, labels, value: now },
    ...(exitCode === 0 ? [{ metric: runMetrics.success, labels, value: now }] : []),
    { metric: runMetrics.duration, labels, value: (performance.now() - startedAtMs) / 1000 },
  ];
}

/** Empty where it is no file: a pipe would make its reader wait for ever. */
async function readIfThere(path: string): Promise<string> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  await using file = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (file === null || !(await file.stat()).isFile()) return "";
  return await file.readFile("utf8");
}

/**
 * At once, so that no scrape sees a part of it; the collector reads no name that does not end in .prom.
 * Under a name that nobody can guess, and only if it is new: else whoever may write the directory lays a
 * link there, and this process writes where it leads.
 */
async function replaceFile(file: string, text: string): Promise<void> {
  const next = `${file}.${randomUUID()}`;
  try {
    // The collector is another user.
    await writeFile(next, text, { mode: 0o644, flag: "wx" });
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}
