/** Open while the database cannot take writes; pollers wait on it, so that an outage spends no receive counts. */
import { unlessAborted } from "./backoff.ts";

/** One write's reason to hold the breaker open. */
export interface Trip {
  clear(): void;
}

export interface Breaker {
  readonly open: boolean;
  /** Milliseconds since it opened, 0 while closed. */
  openForMs(): number;
  /** Opens it until this trip, and every other one, is cleared. */
  trip(): Trip;
  /** Resolves at once while closed, else when it closes or `signal` aborts. */
  closed(signal: AbortSignal): Promise<void>;
}

export function createBreaker(onChange: (open: boolean) => void): Breaker {
  const trips = new Set<Trip>();
  let openedAtMs = 0;
  let reclosed = Promise.withResolvers<void>();

  return {
    get open() {
      return trips.size > 0;
    },
    openForMs: () => (trips.size > 0 ? performance.now() - openedAtMs : 0),
    trip() {
      const trip: Trip = {
        clear() {
          if (!trips.delete(trip) || trips.size > 0) return;
          reclosed.resolve();
          onChange(false);
        },
      };
      trips.add(trip);
      if (trips.size === 1) {
        openedAtMs = performance.now();
        reclosed = Promise.withResolvers<void>();
        onChange(true);
      }
      return trip;
    },
    async closed(signal) {
      if (trips.size === 0) return;
      await unlessAborted(reclosed.promise, signal);
    },
  };
}
