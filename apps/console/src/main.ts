/** The process edge: settings, signals, exit code. */

import { once } from "node:events";
import { exit, foresee } from "@org/recovery";
import { pino } from "pino";
import { compose } from "./compose.ts";
import { type Config, readConfig } from "./config.ts";

const help = `Usage: pnpm --filter console start

The web console for governed access. Settings come from the environment or from .env;
apps/console/README.md lists them.

Exit codes: 0 done, 1 unexpected, 2 usage or configuration.
`;

async function main(argv: readonly string[]): Promise<number> {
  const isHelp = argv.length === 1 && (argv[0] === "--help" || argv[0] === "-h");
  if (argv.length > 0) {
    (isHelp ? process.stdout : process.stderr).write(help);
    return isHelp ? exit.done : exit.configuration;
  }
  const read = readConfig();
  if ("config" in read) return serve(read.config);
  return tell(`The configuration has ${read.faults.length} fault(s):`, read.faults);
}

async function serve(config: Config): Promise<number> {
  const log = pino({ level: config.LOG_LEVEL });
  await using service = await compose(config, { log });
  for (const { severity, finding, advice } of service.findings) {
    log[severity === "error" ? "error" : "warn"]({ advice }, finding);
  }
  if (service.findings.some(({ severity }) => severity === "error")) return exit.configuration;
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => stop.abort());
  }
  const { port } = await service.listen();
  log.info({ port, origin: config.CONSOLE_ORIGIN.origin }, "listening");
  if (!stop.signal.aborted) await once(stop.signal, "abort");
  log.info("stopping: answering what is in hand");
  return exit.done;
}

function tell(message: string, faults: readonly string[]): number {
  process.stderr.write(`${message}\n${faults.map((fault) => `  ${fault}\n`).join("")}`);
  return exit.configuration;
}

async function exitCodeOf(running: Promise<number>): Promise<number> {
  return running.catch((error: unknown) => {
    const end = foresee(error, () => null);
    if (end !== null) return tell(`Cannot start: ${end.message}`, [...end.faults, end.advice]);
    // The message of an error that nobody foresaw may quote a value.
    const { name, code = "no code" } = error as { name?: string; code?: string };
    process.stderr.write(`Cannot start: unexpected fault (${name}, ${code}).\n`);
    return exit.unexpected;
  });
}

// Node's default opens a debugger, which reads keys. `--disable-sigusr1` says so from the first moment on.
process.on("SIGUSR1", () => {});

process.exitCode = await exitCodeOf(main(process.argv.slice(2)));
