/** Waiting: between attempts, and for work that an abort leaves behind. */
import { setTimeout as sleep } from "node:timers/promises";

export interface Backoff {
  readonly firstMs: number;
  readonly mostMs: number;
}

/** Exponential, half of it random, so that many consumers do not return in step after one outage. */
export function backoffMs({ firstMs, mostMs }: Backoff, attempt: number): number {
  const ceiling = Math.min(mostMs, firstMs * 2 ** Math.min(attempt, 30));
  return (ceiling * (1 + Math.random())) / 2;
}

/** Sleeps; an abort ends the sleep early instead of throwing. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await sleep(ms, undefined, { signal }).catch(() => {
    // Aborted: the caller asks the signal itself.
  });
}

/** What `work` resolves with, or null at the abort: the work goes on, but nobody waits for it. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const aborted = Promise.withResolvers<null>();
  const abort = (): void => aborted.resolve(null);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
