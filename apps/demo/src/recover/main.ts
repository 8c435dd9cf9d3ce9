/** The process edge of `pnpm demo:recover`: signals, output, exit code. */
import { parseArgs } from "node:util";
import { chooseContract } from "@org/local";
import { ContractError } from "@org/schema";
import { CommandError } from "../commands.ts";
import { listenForInterruption } from "../interruption.ts";
import { UnexpectedEnd } from "./person.ts";
import { walk } from "./walk.ts";

const usage = `Usage: pnpm demo:recover [--contract PATH]

A guided walk through governed recovery, on a PostgreSQL and an SQS server of its own: a request,
a refused self-approval, an approval by another, unmask, lookup, the audit verified, tampering by
a superuser found, and erasure proved. Leaves nothing behind.
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null || options.help) {
    (options ? process.stdout : process.stderr).write(usage);
    return options ? 0 : 2;
  }
  const interruption = listenForInterruption();
  try {
    await walk(await chooseContract(options.contract), { say, signal: interruption.signal });
    return 0;
  } catch (error) {
    const code = interruption.exitCode();
    if (code !== null) return code;
    if (error instanceof ContractError) {
      process.stderr.write(`${error.message}\n`);
      return 2;
    }
    if (!(error instanceof CommandError || error instanceof UnexpectedEnd)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    return 1;
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function readOptions(args: readonly string[]): { contract: string; help: boolean } | null {
  try {
    return parseArgs({
      args: [...args],
      options: {
        contract: { type: "string", default: "login" },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch {
    return null;
  }
}
