/** Log lines that may come by the thousand: said at once, and then once a minute with their number. */
import type { Logger } from "pino";

import type { Line } from "./lines.ts";

/** From closed lists; lines that differ in one of them are counted apart. */
export type LineFields = Readonly<Record<string, string | null>>;

export interface Repeats {
  /** @param example - Of the first one alone, such as an id. */
  readonly say: (
    line: Line,
    fields: LineFields,
    more?: { readonly count?: number; readonly example?: LineFields },
  ) => void;
  /** Says what came since the last time; a line that did not come is forgotten, and said at once when it does. */
  readonly flush: () => void;
}

interface Counted {
  readonly line: Line;
  readonly fields: LineFields;
  since: number;
}

export function createRepeats(log: Logger): Repeats {
  const counted = new Map<string, Counted>();
  return {
    say(line, fields, { count = 1, example } = {}) {
      const key = JSON.stringify([line.message, fields]);
      const known = counted.get(key);
      if (known) {
        known.since += count;
      } else {
        counted.set(key, { line, fields, since: 0 });
        log[line.level]({ ...fields, ...example, count }, line.message);
      }
    },
    flush() {
      for (const [key, entry] of counted) {
        const { line, fields, since } = entry;
        if (since === 0) counted.delete(key);
        else log[line.level]({ ...fields, count: since, isSum: true }, line.message);
        entry.since = 0;
      }
    },
  };
}
