/** Whether the figures show what they must. */
import type { Claim, Measurement } from "./bench.ts";
import type { BenchResult } from "./rounds.ts";
import { ratios, type Summary, summarize } from "./statistics.ts";

export interface Verdict {
  readonly claim: Claim;
  /** Null where one of the two could not be measured. */
  readonly ratio: Summary | null;
  readonly reached: boolean | null;
}

export function judge(result: BenchResult): Verdict[] {
  return result.claims.map((claim) => {
    const of = samples(result, claim.of, claim.metric);
    const to = samples(result, claim.to, claim.metric);
    if (of.length === 0 || to.length === 0) return { claim, ratio: null, reached: null };
    const ratio = summarize(ratios(of, to));
    const { atLeast = 0, atMost = Infinity } = claim;
    return { claim, ratio, reached: ratio.median >= atLeast && ratio.median <= atMost };
  });
}

/** A candidate's figures, round by round; none if it was skipped or disqualified. */
export function samples(
  result: BenchResult,
  name: string,
  metric: Claim["metric"] = "perSecond",
): number[] {
  const candidate = result.candidates.find((known) => known.name === name);
  if (!candidate || candidate.disqualified !== null) return [];
  const read = (round: Measurement): number | undefined =>
    metric === "totalCpuMicros" ? totalCpuOf(round) : round[metric];
  return candidate.rounds.map(read).filter((value) => value !== undefined);
}

function totalCpuOf({ cpuMicros, postgresCpuMicros }: Measurement): number | undefined {
  if (cpuMicros === undefined || postgresCpuMicros === undefined) return undefined;
  return cpuMicros + postgresCpuMicros;
}
