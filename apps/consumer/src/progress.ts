/** What this process has done so far, and how receiving goes. */

const nothing = {
  received: 0,
  written: 0,
  quarantined: 0,
  duplicates: 0,
  deleted: 0,
  returned: 0,
};

export type Totals = Readonly<typeof nothing>;

/** Receiving fails: since when, by the monotonic clock, and why. */
export interface Failing {
  readonly sinceMs: number;
  readonly reason: string;
}

export interface Progress {
  readonly add: (done: Partial<Totals>) => void;
  readonly totals: () => Totals;
  /** A receive succeeded, with so many messages. */
  readonly polled: (count: number) => void;
  readonly pollFailed: (reason: string) => void;
  /** Receiving has ended for good. */
  readonly halted: (reason: string) => void;
  readonly committed: () => void;
  readonly failing: () => Failing | null;
  /** Whether receives succeed: one has, and none has failed for long since. */
  readonly receives: () => boolean;
  readonly isHalted: () => boolean;
  /** Receives succeed, and the last one brought nothing. */
  readonly findsNothing: () => boolean;
  /** Empty receives in a row: the queue seems drained. */
  readonly emptyPolls: () => number;
  /** Milliseconds since a receive last ended, well or badly. */
  readonly sincePollMs: () => number;
  /** Unix times; at first, that of the start. */
  readonly lastReceiveMs: () => number;
  readonly lastCommitMs: () => number;
}

/** What has not gone well for this long is no hiccup. */
export const longMs = 60_000;

export function createProgress(): Progress {
  const totals = { ...nothing };
  let hasReceived = false;
  let isHalted = false;
  let failing: Failing | null = null;
  let emptyPolls = 0;
  let polledAtMs = performance.now();
  let lastReceiveMs = Date.now();
  let lastCommitMs = lastReceiveMs;

  function isFailingLong(): boolean {
    return failing !== null && performance.now() - failing.sinceMs > longMs;
  }

  return {
    add(done) {
      for (const name of Object.keys(done) as (keyof Totals)[]) totals[name] += done[name] ?? 0;
    },
    totals: () => ({ ...totals }),
    polled(count) {
      hasReceived = true;
      failing = null;
      emptyPolls = count === 0 ? emptyPolls + 1 : 0;
      polledAtMs = performance.now();
      lastReceiveMs = Date.now();
    },
    pollFailed(reason) {
      polledAtMs = performance.now();
      failing = { sinceMs: failing?.sinceMs ?? polledAtMs, reason };
    },
    halted(reason) {
      isHalted = true;
      failing = { sinceMs: performance.now(), reason };
    },
    committed: () => (lastCommitMs = Date.now()),
    failing: () => failing,
    receives: () => hasReceived && !isHalted && !isFailingLong(),
    isHalted: () => isHalted,
    findsNothing: () => failing === null && emptyPolls > 0,
    emptyPolls: () => emptyPolls,
    // Who has been told to receive no more does not hang.
    sincePollMs: () => (isHalted ? 0 : performance.now() - polledAtMs),
    lastReceiveMs: () => lastReceiveMs,
    lastCommitMs: () => lastCommitMs,
  };
}
