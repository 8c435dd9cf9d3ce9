/** The process edge of `pnpm chaos`: arguments, signals, output, exit code. */
import { runChaos } from "./chaos.ts";
import { parseOptions, usage, UsageError } from "./options.ts";
import type { ChaosOptions } from "./options.ts";
import { formatReport, verdictOf } from "./report.ts";

const exit = { passed: 0, failed: 1, inconclusive: 1, usage: 2, interrupted: 130 } as const;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: ChaosOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}`);
    return exit.usage;
  }
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }

  const interruption = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"]) {
    process.once(name, () => interruption.abort());
  }
  const { signal } = interruption;
  try {
    const report = await runChaos({
      options,
      signal,
      progress: (line) => process.stderr.write(`${line}\n`),
    });
    const verdict = verdictOf(report);
    process.stdout.write(
      options.json ? `${JSON.stringify({ verdict, ...report })}\n` : formatReport(report),
    );
    return exit[verdict];
  } catch (error) {
    if (signal.aborted) return exit.interrupted;
    throw error;
  }
}
