/** How fast messages pass, and how far away the queue is: what both come to is how many are under way (Little's law). */

export interface Pace {
  /** So many messages are done with. */
  readonly passed: (messages: number) => void;
  /** A receive that did not wait for messages took so long. */
  readonly received: (ms: number) => void;
  /** How many messages pass in one round trip; 0 where that is not known. */
  readonly inRoundTrip: () => number;
}

/** The fastest of these counts: what is done with comes in batches. */
const windowMs = 250;
const windows = 8;

/** The shortest of the last receives is the way alone; the others waited for one another too. */
const rememberMs = 10_000;

export function createPace(): Pace {
  let counts = [0];
  let windowEndsMs = performance.now() + windowMs;
  let shortestMs = Infinity;
  let shortestBeforeMs = Infinity;
  let forgetsAtMs = performance.now() + rememberMs;

  function roll(nowMs: number): void {
    if (nowMs < windowEndsMs) return;
    const ended = Math.floor((nowMs - windowEndsMs) / windowMs) + 1;
    const empty = Array.from({ length: Math.min(ended, windows) }, () => 0);
    counts = [...counts, ...empty].slice(-windows);
    windowEndsMs += ended * windowMs;
  }

  return {
    passed(messages) {
      roll(performance.now());
      counts.push((counts.pop() ?? 0) + messages);
    },
    received(ms) {
      const nowMs = performance.now();
      if (nowMs > forgetsAtMs) {
        shortestBeforeMs = shortestMs;
        shortestMs = Infinity;
        forgetsAtMs = nowMs + rememberMs;
      }
      shortestMs = Math.min(shortestMs, ms);
    },
    inRoundTrip() {
      roll(performance.now());
      const wayMs = Math.min(shortestMs, shortestBeforeMs);
      return wayMs === Infinity ? 0 : (Math.max(...counts) * wayMs) / windowMs;
    },
  };
}
