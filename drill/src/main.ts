/** The process edge of `pnpm drill`: arguments, signals, output, exit code. */
import { parseArgs } from "node:util";
import { createClaims } from "./claims.ts";
import { failover } from "./failover.ts";
import { restore } from "./restore.ts";

const drills = { failover, restore };
type DrillName = keyof typeof drills;

const exit = { held: 0, failed: 1, usage: 2, interrupted: 130 } as const;

const usage = `Usage: pnpm drill failover|restore [--rate N] [--seed N] [--json]

Loses a database under load, and proves what is there afterwards. It starts PostgreSQL servers, an
SQS server and a consumer of its own, and leaves nothing behind.

  failover   a streaming standby is promoted after a kill -9 of the primary, and the consumer, whose
             DATABASE_URL names both, goes on by itself: every message has one outcome
  restore    the database is destroyed after a base backup, restored to a point in time, and put in
             order as docs/operations/restore.md says: prints the recovery point, the gap (messages that
             are neither in the queue nor in the database any more) and the erasures to repeat

  --rate N   messages sent a second (default 300)
  --seed N   which messages (default 1)
  --json     print one line of JSON instead of a line for each claim
  --help     show this

Exit codes: 0 every claim holds, 1 one does not or the drill did not get to its end, 2 usage,
130 interrupted.
`;

interface Options {
  readonly name: DrillName;
  readonly rate: number;
  readonly seed: number;
  readonly json: boolean;
}

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null || options === "help") {
    (options ? process.stdout : process.stderr).write(usage);
    return options ? exit.held : exit.usage;
  }
  const interruption = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => interruption.abort());
  const { signal } = interruption;
  try {
    return await run(options, signal);
  } catch (error) {
    if (signal.aborted) return exit.interrupted;
    throw error;
  }
}

async function run({ name, rate, seed, json }: Options, signal: AbortSignal): Promise<number> {
  const startedMs = performance.now();
  const say = (line: string): void => {
    (json ? process.stderr : process.stdout).write(`${line}\n`);
  };
  const claims = createClaims(say);
  await drills[name]({ rate, seed, claims, signal });
  const passed = claims.all.every(({ holds }) => holds);
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  say(`${passed ? "Passed" : "Failed"} after ${seconds} s.`);
  if (json) {
    const report = { drill: name, passed, seconds, claims: claims.all, ...claims.facts };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
  return passed ? exit.held : exit.failed;
}

function readOptions(args: readonly string[]): Options | "help" | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rate: { type: "string", default: "300" },
        seed: { type: "string", default: "1" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return "help";
    const [name, ...others] = positionals;
    const [rate, seed] = [Number(values.rate), Number(values.seed)];
    const isUsable = rate >= 1 && rate <= 10_000 && Number.isInteger(seed) && seed >= 0;
    if (!isDrill(name) || others.length > 0 || !isUsable) return null;
    return { name, rate, seed, json: values.json };
  } catch {
    return null;
  }
}

function isDrill(name: string | undefined): name is DrillName {
  return name !== undefined && Object.hasOwn(drills, name);
}
