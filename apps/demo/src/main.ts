/** The process edge of `pnpm demo`: arguments, signals, output, exit code. */
import { chooseContract } from "@org/local";
import { ContractError } from "@org/schema";
import { CommandError } from "./commands.ts";
import { type DemoRun, runDemo } from "./demo.ts";
import { type Interruption, listenForInterruption } from "./interruption.ts";
import { type DemoOptions, parseOptions, usage, UsageError } from "./options.ts";
import { createProgressView } from "./progress.ts";
import { formatAccess, formatReport } from "./report.ts";

const exit = { done: 0, failed: 1, usage: 2 } as const;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: DemoOptions;
  try {
    options = parseOptions(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}`);
    return exit.usage;
  }
  if (options.help) {
    process.stdout.write(usage);
    return exit.done;
  }

  const interruption = listenForInterruption();
  try {
    return await demonstrate(options, interruption);
  } catch (error) {
    const code = interruption.exitCode();
    if (code !== null) return code;
    if (error instanceof ContractError) {
      process.stderr.write(`${error.message}\n`);
      return exit.usage;
    }
    if (!(error instanceof CommandError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    return exit.failed;
  }
}

async function demonstrate(options: DemoOptions, interruption: Interruption): Promise<number> {
  const { messages, seed, json, keep } = options;
  const chosen = await chooseContract(options.contract);
  const watched = process.stdout.isTTY && !json;
  const show: DemoRun["show"] = async ({ summary, outcome, stack }) => {
    if (!json) process.stdout.write(formatReport(chosen.contract, { summary, outcome }));
    if (!keep) return;
    (json ? process.stderr : process.stdout).write(formatAccess(stack));
    if (json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    await interruption.come();
  };

  const { signal } = interruption;
  const progress = createProgressView(watched ? process.stdout : null);
  const summary = await runDemo({ ...chosen, messages, seed, signal, progress, show });
  if (json && !keep) process.stdout.write(`${JSON.stringify(summary)}\n`);
  if (summary.written + summary.quarantined === summary.sent) return exit.done;
  process.stderr.write("Some messages have no outcome: written + quarantined is not sent.\n");
  return exit.failed;
}
