/** Medians and ratios of rounds. */

export interface Summary {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** @throws RangeError if there are no samples. */
export function summarize(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new RangeError("There are no samples.");
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    low: at(0),
    high: at(sorted.length - 1),
  };
}

/** Ratios round by round: what slows one round down slows both sides of it. */
export function ratios(of: readonly number[], to: readonly number[]): number[] {
  return of.slice(0, to.length).map((value, round) => value / (to[round] ?? Number.NaN));
}
