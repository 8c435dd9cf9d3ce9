/** The result of a soak: what became of the messages, and whether that says something. */
import { styleText } from "node:util";

import type { SoakOptions } from "./options.ts";
import type { Verdict } from "./report.ts";
import type { SoakEndings } from "./soak-endings.ts";

export interface SoakReport extends SoakEndings {
  readonly options: SoakOptions;
  /** From the consumers' start to the last delete. */
  readonly seconds: number;
  readonly kills: number;
  /** For how long all consumers consumed, so that a kill could be waited for. */
  readonly readySeconds: number;
  /** Receives of messages that had been received before. */
  readonly redelivered: number;
  readonly deadLettered: number;
  /** Resident memory of the largest consumer; null where the system does not tell. */
  readonly peakMegabytes: number | null;
  /** Why the run says nothing, as sentences. */
  readonly inconclusive: readonly string[];
  /** Where output and the fault log are kept; null where they were removed. */
  readonly directory: string | null;
}

/** A quarter of what would fit into the time that consumers did not spend starting: that depends on the machine. */
function neededKills({ readySeconds, options }: SoakReport): number {
  return Math.max(1, Math.floor(readySeconds / options.killEverySeconds / 4));
}

export function verdictOfSoak(report: SoakReport): Verdict {
  const { kills, redelivered, inconclusive } = report;
  // What a stalled queue still holds is neither lost nor decided.
  if (inconclusive.length > 0) return "inconclusive";
  const { lost, doubled, deadLettered, violations } = report;
  if (lost + doubled + deadLettered + violations.length > 0) return "failed";
  return kills >= neededKills(report) && redelivered > 0 ? "passed" : "inconclusive";
}

export function formatSoakReport(report: SoakReport): string {
  const { options, seconds, peakMegabytes } = report;
  const lines = Object.entries({
    messages: options.messages,
    kills: report.kills,
    redelivered: report.redelivered,
    rows: report.rows,
    quarantined: report.quarantined,
    "dead-lettered": report.deadLettered,
    lost: report.lost,
    doubled: report.doubled,
    seconds: Math.round(seconds),
    "largest consumer, MB": peakMegabytes === null ? "unknown" : Math.round(peakMegabytes),
  });
  const width = Math.max(...lines.map(([name]) => name.length));
  return [
    `${options.consumers} consumers of ${options.workers} worker(s), the vault on, a SIGKILL ${options.killEverySeconds} s after all consume, again and again, seed ${options.seed}`,
    "",
    ...lines.map(([name, value]) => `${name.padEnd(width)}  ${String(value).padStart(9)}`),
    "",
    ...report.violations.map((sentence) => styleText("red", `broken: ${sentence}`)),
    ...report.inconclusive.map((sentence) => styleText("yellow", `inconclusive: ${sentence}`)),
    ...(report.directory === null ? [] : [`logs: ${report.directory}`]),
    styleText("bold", verdictOfSoak(report)),
    "",
  ].join("\n");
}
