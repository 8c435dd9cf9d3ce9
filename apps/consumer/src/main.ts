/** The process edge: arguments, signals, exit code. */
import { parseArgs } from "node:util";

import { pino } from "pino";
import type { Logger } from "pino";
import { PinoPretty as pretty } from "pino-pretty";

import { faultLines } from "@org/settings";

import { compose } from "./compose.ts";
import type { Service } from "./compose.ts";
import { readConfig } from "./config.ts";
import type { Config } from "./config.ts";
import { reportCrashes } from "./crashes.ts";
import { startFaultLines } from "./failure.ts";
import { describeMessage } from "./message.ts";

const help = (
  message: string,
): string => `Usage: pnpm --filter consumer start [--until-empty] [--check]

${message}
Settings come from the environment or from .env; README.md lists them.

  --until-empty   exit 0 once the queue stays empty and nothing is in flight, 1 if stopped before
  --check         judge queue, database, keyring and settings, say what was found, exit
  --help          this text

Exit codes: 0 done, 1 unexpected, 2 usage or configuration.
`;

const exit = { done: 0, unexpected: 1, configuration: 2 } as const;

/** Left of the shutdown time to release messages and close connections. */
const lastMs = 3_000;

/** One Ctrl-C or one stop reaches a process group, and pnpm passes it on: both within a moment are one signal. */
const sameSignalMs = 1_000;

async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv);
  if (options === null) {
    process.stderr.write(help(await describeMessage(process.env)));
    return exit.configuration;
  }
  if (options.help) {
    process.stdout.write(help(await describeMessage(process.env)));
    return exit.done;
  }
  const read = readConfig();
  if ("faults" in read) {
    const lines = faultLines(read.faults).map((line) => `  ${line}\n`);
    process.stderr.write(`The configuration has ${lines.length} fault(s):\n${lines.join("")}`);
    return exit.configuration;
  }
  return start(read.config, options);
}

interface Options {
  readonly help: boolean;
  readonly check: boolean;
  readonly untilEmpty: boolean;
}

function readOptions(argv: readonly string[]): Options | null {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        help: { type: "boolean", short: "h", default: false },
        check: { type: "boolean", default: false },
        "until-empty": { type: "boolean", default: false },
      },
    });
    return { help: values.help, check: values.check, untilEmpty: values["until-empty"] };
  } catch {
    return null;
  }
}

async function start(config: Config, { check, untilEmpty }: Options): Promise<number> {
  const isTerminal = process.stdout.isTTY;
  // What a check says is what it was asked for, however little a service may log.
  const level = check && config.LOG_LEVEL !== "debug" ? "info" : config.LOG_LEVEL;
  const log = pino({ level }, isTerminal ? pretty({ sync: true }) : undefined);
  reportCrashes(log, exit.unexpected);
  // A check or a drain that a signal ends has not done what it was asked for.
  const interrupted = check || untilEmpty ? exit.unexpected : exit.done;
  // Nothing is in hand yet. Without a handler, the first process of a container would ignore the signal.
  const exitAtOnce = (): void => process.exit(interrupted);
  process.on("SIGTERM", exitAtOnce).on("SIGINT", exitAtOnce);
  // A check may run beside a consumer that has the port.
  await using service = await compose(check ? { ...config, PORT: 0 } : config, log);
  const more = check ? await service.findMore() : [];
  const findings = [...service.findings, ...more];
  for (const { severity, finding, advice } of findings) {
    log[severity === "error" ? "error" : "warn"]({ advice }, finding);
  }
  if (findings.some(({ severity }) => severity === "error")) return exit.configuration;
  if (check) {
    log.info({ warnings: findings.length, ...service.about }, "ready to start");
    return exit.done;
  }
  process.off("SIGTERM", exitAtOnce).off("SIGINT", exitAtOnce);
  const ended = await runUntilStopped(service, { config, log, untilEmpty });
  return ended === "done" ? exit.done : interrupted;
}

/** Ends as "done" where a queue is empty that was to be drained. */
async function runUntilStopped(
  service: Service,
  { config, log, untilEmpty }: { config: Config; log: Logger; untilEmpty: boolean },
): Promise<"done" | "stopped"> {
  const shutdownMs = config.MASKLINE_SHUTDOWN_SECONDS * 1000;
  const stop = new AbortController();
  const giveUp = new AbortController();
  let deadline: NodeJS.Timeout | undefined;
  let signalledAtMs = 0;

  function onSignal(signal: NodeJS.Signals): void {
    if (deadline !== undefined) {
      if (performance.now() - signalledAtMs < sameSignalMs) return;
      log.warn({ signal }, "second signal: exiting at once");
      process.exit(exit.unexpected);
    }
    signalledAtMs = performance.now();
    log.info({ signal }, "stopping: finishing what is in hand");
    stop.abort();
    deadline = setTimeout(() => giveUp.abort(), Math.max(0, shutdownMs - lastMs));
    setTimeout(() => process.exit(exit.unexpected), shutdownMs).unref();
  }
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);

  log.info({ ...service.about, untilEmpty }, "consuming");
  try {
    const isWhole = await service.run({ stop, giveUp: giveUp.signal }, { untilEmpty });
    const isDone = isWhole && deadline === undefined;
    log.info(service.totals(), isDone ? "the queue is empty" : "stopped");
    return isDone ? "done" : "stopped";
  } finally {
    clearTimeout(deadline);
  }
}

async function exitCodeOf(running: Promise<number>): Promise<number> {
  return running.catch((error: unknown) => {
    const lines = startFaultLines(error);
    if (lines === null) throw error;
    process.stderr.write(`Cannot start:\n${lines.join("")}`);
    return exit.configuration;
  });
}

// Node's default opens a debugger, which reads keys and settings. `--disable-sigusr1` says so from the first moment on.
process.on("SIGUSR1", () => {});

// All is closed. What is open still, such as a call to a silent collector, would only delay the exit.
const code = await exitCodeOf(main(process.argv.slice(2)));
process.exit(code);
