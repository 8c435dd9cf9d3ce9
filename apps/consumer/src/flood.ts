/** Bounds what a flood of unusable messages can fill: past so many quarantined a minute, and more than were rows, receiving stops for the rest of it. */
import type { Trip } from "./breaker.ts";

const minuteMs = 60_000;

export interface Flood extends Disposable {
  /** Told of every transaction. */
  readonly wrote: (result: { readonly written: number; readonly quarantined: number }) => void;
}

export function createFlood(
  mostPerMinute: number,
  { trip, flooded }: { trip: Trip; flooded: () => void },
): Flood {
  let sinceMs = performance.now();
  let quarantined = 0;
  let written = 0;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;

  function beginMinute(): void {
    sinceMs = performance.now();
    quarantined = 0;
    written = 0;
    isStopped = false;
    trip.clear();
  }

  return {
    wrote(result) {
      const leftMs = sinceMs + minuteMs - performance.now();
      if (leftMs <= 0) beginMinute();
      quarantined += result.quarantined;
      written += result.written;
      if (isStopped || quarantined <= mostPerMinute || quarantined <= written) return;
      isStopped = true;
      trip.set();
      flooded();
      timer = setTimeout(beginMinute, leftMs > 0 ? leftMs : minuteMs);
      timer.unref();
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      trip.clear();
    },
  };
}
