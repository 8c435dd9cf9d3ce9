/** The process edge of `pnpm chaos`: arguments, signals, output, exit code. */
import { runChaos } from "./chaos.ts";
import { isSoak, parseOptions, parseSoakOptions, usage, UsageError } from "./options.ts";
import { formatReport, verdictOf } from "./report.ts";
import type { Verdict } from "./report.ts";
import { formatSoakReport, verdictOfSoak } from "./soak-report.ts";
import { runSoak } from "./soak.ts";

const exit = { passed: 0, failed: 1, inconclusive: 1, usage: 2, interrupted: 130 } as const;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let start: Start | null;
  try {
    start = isSoak(args) ? soakWith(args) : chaosWith(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}`);
    return exit.usage;
  }
  if (!start) {
    process.stdout.write(usage);
    return 0;
  }

  const interruption = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"]) {
    process.once(name, () => interruption.abort());
  }
  const { signal } = interruption;
  try {
    const { verdict, text } = await start(signal);
    process.stdout.write(text);
    return exit[verdict];
  } catch (error) {
    if (signal.aborted) return exit.interrupted;
    throw error;
  }
}

/** What was asked for, ready to go. */
type Start = (signal: AbortSignal) => Promise<{ verdict: Verdict; text: string }>;

/** Null where only the help was asked for. */
function chaosWith(args: readonly string[]): Start | null {
  const options = parseOptions(args);
  if (options.help) return null;
  return async (signal) => {
    const report = await runChaos({ options, signal, progress });
    const verdict = verdictOf(report);
    return { verdict, text: options.json ? json({ verdict, ...report }) : formatReport(report) };
  };
}

function soakWith(args: readonly string[]): Start {
  const options = parseSoakOptions(args);
  return async (signal) => {
    const report = await runSoak({ options, signal, progress });
    const verdict = verdictOfSoak(report);
    return {
      verdict,
      text: options.json ? json({ verdict, ...report }) : formatSoakReport(report),
    };
  };
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function json(report: object): string {
  return `${JSON.stringify(report)}\n`;
}
