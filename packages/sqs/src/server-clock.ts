/** The server's clock, as its answers show it: signatures are dated by it, not by ours. */

export interface ServerClock {
  readonly nowMs: () => number;
  /** Takes the date of an answer. */
  readonly set: (serverMs: number) => void;
}

export function createServerClock(): ServerClock {
  let offsetMs = 0;
  return {
    nowMs: () => Date.now() + offsetMs,
    set(serverMs) {
      offsetMs = serverMs - Date.now();
    },
  };
}
