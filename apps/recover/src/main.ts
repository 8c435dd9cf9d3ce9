/** The process edge: argv in, exit code out. */

import { processEnv } from "./config.ts";
import { run } from "./run.ts";

process.exitCode = await run(process.argv.slice(2), {
  env: processEnv(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
});
