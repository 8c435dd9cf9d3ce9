/** The command line. */
import { parseArgs } from "node:util";

export const help = `Usage: pnpm bench [options]

Runs ours beside the alternatives, in interleaved rounds, and prints medians, spread and ratios.

  --only NAME    only this bench, or this candidate of it as BENCH/CANDIDATE; may be given again
  --rounds N     rounds of each bench (default 5)
  --scale X      multiplies the work of a round (default 1; 0.05 for a quick run)
  --rtt MS       end-to-end and settings: round trip to the queue, with jitter and a tail (default 0)
  --db-rtt MS    the same: round trip to the database, even numbers (default 0)
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
  readonly rttMs: number;
  readonly dbRttMs: number;
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
        rtt: { type: "string", default: "0" },
        "db-rtt": { type: "string", default: "0" },
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
    const [rttMs, dbRttMs] = [Number(values.rtt), Number(values["db-rtt"])];
    const isUsable =
      Number.isInteger(rounds) && rounds > 0 && scale > 0 && rttMs >= 0 && dbRttMs >= 0;
    return isUsable ? { ...values, rounds, scale, rttMs, dbRttMs } : null;
  } catch {
    return null;
  }
}
