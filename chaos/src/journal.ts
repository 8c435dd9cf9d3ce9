/** The fault log: what was done when, one JSON line each, for whoever has to understand a failed run. */
import { appendFileSync } from "node:fs";

export interface Journal {
  readonly note: (event: string, detail?: object) => void;
}

export function openJournal(file: string): Journal {
  const startedMs = performance.now();
  return {
    note(event, detail = {}) {
      const atMs = Math.round(performance.now() - startedMs);
      appendFileSync(file, `${JSON.stringify({ atMs, event, ...detail })}\n`);
    },
  };
}
