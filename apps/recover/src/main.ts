/** The process edge: argv in, exit code out. */

import { confirm, isCancel } from "@clack/prompts";
import { processEnv } from "./config.ts";
import { run } from "./run.ts";

const isTerminal = process.stdin.isTTY && process.stderr.isTTY;

for (const stream of [process.stdout, process.stderr]) {
  // A reader may go away (`| head`): what was begun is still done, and its result audited.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

process.exitCode = await run(process.argv.slice(2), {
  env: processEnv(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  confirm: isTerminal ? ask : null,
});

async function ask(question: string): Promise<boolean> {
  const answer = await confirm({
    message: question,
    initialValue: false,
    output: process.stderr,
  });
  return !isCancel(answer) && answer;
}
