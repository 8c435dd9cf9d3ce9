/** Times work that runs in this process. */
import type { Measurement } from "./bench.ts";

/** Runs `work` once and divides by how many units it did. */
export async function timed(units: number, work: () => void | Promise<void>): Promise<Measurement> {
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  await work();
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perSecond: units / seconds, cpuMicros: (user + system) / units };
}
