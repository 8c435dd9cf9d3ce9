/** How often somebody may ask, in windows of a minute. */

import { dropOldest } from "./sign-in/sessions.ts";

export interface RateLimit {
  /** Counts one; false once there were too many within the minute. */
  readonly take: (who: string) => boolean;
}

const windowMs = 60_000;
const peopleAtMost = 10_000;

/** By a clock that nobody sets back: whoever asked too often would wait until it has caught up. */
export function createRateLimit(perMinute: number): RateLimit {
  const windows = new Map<string, { readonly sinceMs: number; count: number }>();
  return {
    take(who) {
      const window = windows.get(who);
      if (window !== undefined && performance.now() - window.sinceMs < windowMs) {
        window.count += 1;
        return window.count <= perMinute;
      }
      windows.delete(who);
      dropOldest(windows, peopleAtMost);
      windows.set(who, { sinceMs: performance.now(), count: 1 });
      return true;
    },
  };
}
