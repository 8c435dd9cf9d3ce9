/** What a benchmark is: candidates that do the same work, and what their figures must show. */

/** One candidate's work in one round. */
export interface Measurement {
  /** Of the bench's unit. */
  readonly perSecond: number;
  /** Microseconds of CPU for each unit of work: of the candidate's process, of PostgreSQL, of the queue server. */
  readonly cpuMicros?: number;
  readonly postgresCpuMicros?: number;
  readonly queueCpuMicros?: number;
  /** Megabytes. */
  readonly peakRss?: number;
  /** Messages that came again, from its start to its end. */
  readonly redelivered?: number;
  /** Messages that it had not deleted half a minute after the last was sent. */
  readonly left?: number;
  /** Lines that it printed from its warm-up on. */
  readonly errors?: number;
}

export type Metric = keyof Measurement;

export interface Candidate {
  readonly name: string;
  readonly label: string;
  /** Why it cannot run here; null if it can. */
  readonly skipped?: string | null;
  /**
   * Does the work once, warmed up, and says how fast.
   *
   * @throws {@link Disqualified} if the work was not done as promised.
   */
  readonly measure: () => Promise<Measurement>;
}

export interface Claim {
  readonly text: string;
  readonly of: string;
  readonly to: string;
  /** `totalCpuMicros` is the candidate's own CPU and PostgreSQL's. */
  readonly metric?: Metric | "totalCpuMicros";
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Bench {
  readonly name: string;
  readonly title: string;
  /** What is done: `messages`, `tokens`. */
  readonly unit: string;
  /** The candidate that the others are shown as multiples of. */
  readonly baseline: string;
  /** Takes minutes: runs only when named, or with `--all`. */
  readonly isLong?: boolean;
  readonly claims: readonly Claim[];
  readonly open: (settings: BenchSettings) => Promise<OpenBench>;
}

export interface BenchSettings {
  /** Multiplies the work of a round; below 1 for a quick run. */
  readonly scale: number;
  /** How long a contender is measured in a round, for benches that run contenders. */
  readonly seconds: number;
  /** Of the queue and of the database, where the bench's own is not wanted. */
  readonly rttMs: number | null;
  readonly dbRttMs: number | null;
}

export interface OpenBench extends AsyncDisposable {
  readonly candidates: readonly Candidate[];
}

/** A candidate that lost or doubled a message, or did not finish. */
export class Disqualified extends Error {
  override readonly name = "Disqualified";
}
