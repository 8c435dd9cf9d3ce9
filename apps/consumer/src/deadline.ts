/** A time limit that is forgotten once its work is done. */

export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Aborts after `ms`, or with `giveUp`. AbortSignal.timeout would keep each signal for its whole
 * time, thousands of them where polls return in milliseconds.
 */
export function openDeadline(ms: number, giveUp: AbortSignal): Deadline {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const timer = setTimeout(abort, ms);
  giveUp.addEventListener("abort", abort, { once: true });
  if (giveUp.aborted) abort();
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      giveUp.removeEventListener("abort", abort);
    },
  };
}
