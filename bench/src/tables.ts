/** Results as Markdown tables: readable on a terminal, and what docs/performance.md holds. */
import { markdownTable } from "markdown-table";
import type { Metric } from "./bench.ts";
import type { BenchResult } from "./rounds.ts";
import { ratios, summarize } from "./statistics.ts";
import { judge, samples, type Verdict } from "./verdict.ts";

const costs: readonly { metric: Metric; head: string; digits: number }[] = [
  { metric: "cpuMicros", head: "own CPU µs", digits: 1 },
  { metric: "postgresCpuMicros", head: "Postgres CPU µs", digits: 1 },
  { metric: "queueCpuMicros", head: "queue CPU µs", digits: 1 },
  { metric: "peakRss", head: "peak RSS MB", digits: 0 },
  { metric: "redelivered", head: "redeliveries", digits: 0 },
  { metric: "left", head: "left", digits: 0 },
  { metric: "errors", head: "errors", digits: 0 },
];

export function figuresTable(result: BenchResult): string {
  const shown = costs.filter(({ metric }) =>
    result.candidates.some(({ rounds }) => rounds.some((round) => round[metric] !== undefined)),
  );
  const head = ["", `${result.unit}/s`, "low to high", "×", ...shown.map((cost) => cost.head)];
  const baseline = samples(result, result.baseline);
  const rows = result.candidates.map(({ name, label, skipped, disqualified }) => {
    const perSecond = samples(result, name);
    if (perSecond.length === 0)
      return [label, disqualified ? `disqualified: ${disqualified}` : (skipped ?? "not run")];
    const { median, low, high } = summarize(perSecond);
    const multiple =
      baseline.length > 0 ? times(summarize(ratios(perSecond, baseline)).median) : "";
    return [
      label,
      count(median),
      `${count(low)} to ${count(high)}`,
      multiple,
      ...shown.map(({ metric, digits }) => medianOf(samples(result, name, metric), digits)),
    ];
  });
  return markdownTable([head, ...rows], { align: ["l", ...head.slice(1).map(() => "r")] });
}

export function claimsTable(result: BenchResult): string {
  const rows = judge(result).map((verdict) => [verdict.claim.text, ...verdictCells(verdict)]);
  return markdownTable([["must show", "measured", "low to high", ""], ...rows], {
    align: ["l", "r", "r", "l"],
  });
}

function verdictCells({ ratio, reached }: Verdict): string[] {
  if (!ratio) return ["", "", "not measured here"];
  const spread = `${times(ratio.low)} to ${times(ratio.high)}`;
  return [times(ratio.median), spread, reached ? "reached" : "**not reached**"];
}

function medianOf(values: readonly number[], digits: number): string {
  return values.length === 0 ? "" : summarize(values).median.toFixed(digits);
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function times(ratio: number): string {
  return ratio.toFixed(ratio < 10 ? 2 : 1);
}
