/** The result of a run: what each fault came to, and whether the promises held. */
import { styleText } from "node:util";

import type { ChaosOptions } from "./options.ts";

export interface FaultCounts {
  readonly hits: number;
  /** Fewer hits than this say nothing. */
  readonly needed: number;
  readonly messages: number;
  readonly rows: number;
  readonly quarantined: number;
  readonly deadLettered: number;
  readonly lost: number;
  readonly doubled: number;
  readonly leaked: number;
}

export interface Report {
  readonly options: ChaosOptions;
  readonly rounds: number;
  readonly seconds: number;
  readonly faults: Readonly<Record<string, FaultCounts>>;
  /** Found once the run was over: in PostgreSQL's heap, indexes and WAL. */
  readonly leakedAtRest: number;
  /** Broken promises, as sentences. */
  readonly violations: readonly string[];
  /** Why the run says nothing, as sentences. */
  readonly inconclusive: readonly string[];
  /** Where output, logs and the fault log are kept; null where they were removed. */
  readonly directory: string | null;
}

export type Verdict = "passed" | "failed" | "inconclusive";

const nothing: FaultCounts = {
  hits: 0,
  needed: 0,
  messages: 0,
  rows: 0,
  quarantined: 0,
  deadLettered: 0,
  lost: 0,
  doubled: 0,
  leaked: 0,
};

export function addCounts(counts: readonly FaultCounts[]): FaultCounts {
  return counts.reduce(
    (sum, part) => ({
      hits: sum.hits + part.hits,
      needed: sum.needed + part.needed,
      messages: sum.messages + part.messages,
      rows: sum.rows + part.rows,
      quarantined: sum.quarantined + part.quarantined,
      deadLettered: sum.deadLettered + part.deadLettered,
      lost: sum.lost + part.lost,
      doubled: sum.doubled + part.doubled,
      leaked: sum.leaked + part.leaked,
    }),
    nothing,
  );
}

/** A broken promise counts also in a run that is otherwise inconclusive. */
export function verdictOf(report: Report): Verdict {
  const { lost, doubled, leaked } = addCounts(Object.values(report.faults));
  if (lost + doubled + leaked + report.leakedAtRest + report.violations.length > 0) return "failed";
  const wereHit = report.options.faults.every((name) => {
    const counts = report.faults[name];
    return counts !== undefined && counts.hits >= counts.needed;
  });
  return wereHit && report.inconclusive.length === 0 ? "passed" : "inconclusive";
}

export function formatReport(report: Report): string {
  const { options, rounds, seconds } = report;
  const parts = Object.entries(report.faults);
  const all = addCounts(parts.map(([, counts]) => counts));
  const lines = [
    `${options.kind} queue at ${options.server}${options.rttMs > 0 ? `, ${options.rttMs} ms away` : ""}, vault ${options.vault ? "on" : "off"}, ${options.workers} worker(s) a consumer, seed ${options.seed}: ${rounds} round(s) in ${Math.round(seconds)} s`,
    "",
    table([
      [...columns],
      ...parts.map(([name, counts]) => cellsOf(name, counts)),
      cellsOf("at rest: heap and WAL", { ...nothing, leaked: report.leakedAtRest }),
      cellsOf("all", { ...all, leaked: all.leaked + report.leakedAtRest }),
    ]),
    "",
    ...report.violations.map((sentence) => styleText("red", `broken: ${sentence}`)),
    ...report.inconclusive.map((sentence) => styleText("yellow", `inconclusive: ${sentence}`)),
    ...(report.directory === null ? [] : [`logs: ${report.directory}`]),
    styleText("bold", verdictOf(report)),
    "",
  ];
  return lines.join("\n");
}

const columns = [
  "fault",
  "hit",
  "needed",
  "messages",
  "rows",
  "quarantined",
  "dead-lettered",
  "lost",
  "doubled",
  "leaked",
] as const;

function cellsOf(name: string, counts: FaultCounts): string[] {
  const { hits, needed, messages, rows, quarantined, deadLettered, lost, doubled, leaked } = counts;
  const numbers = [hits, needed, messages, rows, quarantined, deadLettered, lost, doubled, leaked];
  return [name, ...numbers.map(String)];
}

/** Names to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = columns.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join("  "),
    )
    .join("\n");
}
