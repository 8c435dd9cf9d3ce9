/** The process edge of `pnpm demo:console`: signals, output, exit code. */
import { chooseContract } from "@org/local";
import { CommandError } from "../commands.ts";
import { listenForInterruption } from "../interruption.ts";
import { UnexpectedEnd } from "../recover/person.ts";
import { showConsole } from "./show.ts";

const usage = `Usage: pnpm demo:console

The web console for governed access, on a PostgreSQL and an SQS server of its own, with sample people
and a request that waits. Opens at the address that it prints; Ctrl-C ends it, and leaves nothing behind.
`;

process.exitCode = await main(process.argv.slice(2));

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  if (args.length > 0) {
    const isHelp = args.length === 1 && (args[0] === "--help" || args[0] === "-h");
    (isHelp ? process.stdout : process.stderr).write(usage);
    return isHelp ? 0 : 2;
  }
  const interruption = listenForInterruption();
  try {
    await showConsole(await chooseContract("login"), { say, signal: interruption.signal });
    return 1;
  } catch (error) {
    const code = interruption.exitCode();
    if (code !== null) return code;
    if (!(error instanceof CommandError || error instanceof UnexpectedEnd)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    return 1;
  }
}
