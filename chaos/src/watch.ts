/** What an operator could read while the consumers run, kept in files for the canary scan. */
import { appendFile } from "node:fs/promises";
import { join } from "node:path";

import type { Fleet } from "./fleet.ts";
import type { Stage } from "./stage.ts";

export interface Watch extends AsyncDisposable {
  /** Consumer output, Postgres's log, metrics, and what pg_stat_activity showed. */
  readonly files: readonly string[];
  readonly keepMetrics: () => Promise<void>;
}

const sampleEveryMs = 200;

export async function startWatch(
  directory: string,
  { stage, fleet }: { stage: Stage; fleet: Fleet },
): Promise<Watch> {
  const metricsFile = join(directory, "metrics.txt");
  const activityFile = join(directory, "activity.txt");
  await appendFile(metricsFile, "");
  await appendFile(activityFile, "");

  let sampling = Promise.resolve();
  let isSampling = false;
  const timer = setInterval(() => {
    if (isSampling) return;
    isSampling = true;
    sampling = sample().finally(() => {
      isSampling = false;
    });
  }, sampleEveryMs);

  async function sample(): Promise<void> {
    const rows = await stage
      .query<{ query: string }>(
        "SELECT query FROM pg_stat_activity WHERE application_name = 'maskline-writer'",
      )
      // The database is down: there is nothing to see.
      .catch(() => []);
    await appendFile(activityFile, rows.map(({ query }) => `${query}\n`).join(""));
  }

  return {
    files: [...fleet.outputFiles, stage.postgres.logFile, metricsFile, activityFile],
    async keepMetrics() {
      await appendFile(metricsFile, await fleet.metrics());
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await sampling;
    },
  };
}
