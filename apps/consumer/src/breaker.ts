/** Open while the database cannot take writes; pollers wait on it, so that an outage spends no receive counts. */
import { unlessAborted } from "./backoff.ts";

/** One reason to hold the breaker open; setting it twice is setting it once. */
export interface Trip extends Disposable {
  readonly set: () => void;
  readonly clear: () => void;
}

export interface Breaker {
  readonly open: boolean;
  /** Milliseconds since it opened, 0 while closed. */
  readonly openForMs: () => number;
  /** It is open while any trip is set. */
  readonly createTrip: () => Trip;
  /** Resolves at once while closed, else when it closes or `signal` aborts. */
  readonly closed: (signal: AbortSignal) => Promise<void>;
}

export function createBreaker(onChange: (open: boolean) => void): Breaker {
  const trips = new Set<Trip>();
  let openedAtMs = 0;
  let reclosed = Promise.withResolvers<void>();

  function set(trip: Trip): void {
    trips.add(trip);
    if (trips.size > 1 || openedAtMs > 0) return;
    openedAtMs = performance.now();
    reclosed = Promise.withResolvers<void>();
    onChange(true);
  }

  function clear(trip: Trip): void {
    if (!trips.delete(trip) || trips.size > 0) return;
    openedAtMs = 0;
    reclosed.resolve();
    onChange(false);
  }

  return {
    get open() {
      return trips.size > 0;
    },
    openForMs: () => (openedAtMs > 0 ? performance.now() - openedAtMs : 0),
    createTrip() {
      const trip: Trip = {
        set: () => set(trip),
        clear: () => clear(trip),
        [Symbol.dispose]: () => clear(trip),
      };
      return trip;
    },
    async closed(signal) {
      if (trips.size === 0) return;
      await unlessAborted(reclosed.promise, signal);
    },
  };
}
