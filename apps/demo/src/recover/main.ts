/** The process edge of `pnpm demo:recover`: signals, output, exit code. */
import { CommandError } from "../commands.ts";
import { listenForInterruption } from "../interruption.ts";
import { UnexpectedEnd } from "./person.ts";
import { walk } from "./walk.ts";

const usage = `Usage: pnpm demo:recover

A guided walk through governed recovery, on a PostgreSQL and an SQS server of its own: a request,
a refused self-approval, an approval by another, unmask, lookup, the audit verified, tampering by
a superuser found, and erasure proved. Leaves nothing behind.
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (args.length > 0) {
    const isHelp = args[0] === "--help" || args[0] === "-h";
    (isHelp ? process.stdout : process.stderr).write(usage);
    return isHelp ? 0 : 2;
  }
  const interruption = listenForInterruption();
  try {
    await walk((text) => void process.stdout.write(`${text}\n`), interruption.signal);
    return 0;
  } catch (error) {
    const code = interruption.exitCode();
    if (code !== null) return code;
    if (!(error instanceof CommandError || error instanceof UnexpectedEnd)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    return 1;
  }
}
