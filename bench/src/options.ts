/** The command line. */
import { parseArgs } from "node:util";

export const help = `Usage: pnpm bench [options]

Runs ours beside the alternatives, in interleaved rounds, and prints medians, spread and ratios.

  --only NAME    only this bench, or this candidate of it as BENCH/CANDIDATE; may be given again
  --rounds N     rounds of each bench (default 5)
  --seconds N    how long a contender is measured in a round, after half as long to warm up (default 20)
  --scale X      multiplies the work of a round of the other benches, and end-to-end what waits in its
                 queue (default 1; 0.05 for a quick run)
  --rtt MS       end-to-end, distance, settings: round trip to the queue, with jitter and a tail
  --db-rtt MS    the same: round trip to the database
  --json         print the results as one JSON object instead of tables
  --save         also put the results into docs/performance/results.json, and draw tables and charts
  --chart        measure nothing: draw tables and charts from docs/performance/results.json again
  --all          every bench; those that take minutes run only so, or when named
  --list         names and titles of the benches
  --help         this text
`;

export interface Options {
  readonly only: readonly string[];
  readonly rounds: number;
  readonly scale: number;
  readonly seconds: number;
  readonly rttMs: number | null;
  readonly dbRttMs: number | null;
  readonly json: boolean;
  readonly save: boolean;
  readonly chart: boolean;
  readonly list: boolean;
  readonly help: boolean;
  readonly all: boolean;
}

/** Null where the command line is not one of ours. */
export function readOptions(args: readonly string[]): Options | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: "string", multiple: true, default: [] },
        rounds: { type: "string", default: "5" },
        scale: { type: "string", default: "1" },
        seconds: { type: "string", default: "20" },
        rtt: { type: "string" },
        "db-rtt": { type: "string" },
        json: { type: "boolean", default: false },
        save: { type: "boolean", default: false },
        chart: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
        all: { type: "boolean", default: false },
      },
    });
    const rounds = Number(values.rounds);
    const scale = Number(values.scale);
    const seconds = Number(values.seconds);
    const [rttMs, dbRttMs] = [millis(values.rtt), millis(values["db-rtt"])];
    const isUsable = Number.isInteger(rounds) && rounds > 0 && scale > 0 && seconds > 0;
    const isFar = [rttMs, dbRttMs].every((ms) => ms === null || ms >= 0);
    return isUsable && isFar ? { ...values, rounds, scale, seconds, rttMs, dbRttMs } : null;
  } catch {
    return null;
  }
}

function millis(given: string | undefined): number | null {
  return given === undefined ? null : Number(given);
}
