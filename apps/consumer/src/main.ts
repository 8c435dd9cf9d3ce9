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
import { exit } from "./exit.ts";
import { startFaultLines } from "./failure.ts";
import { describeMessage } from "./message.ts";
import { onStop } from "./signals.ts";
import { sayConsuming } from "./workers/answer.ts";
import { supervise } from "./workers/supervise.ts";

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

/** Left of the shutdown time to release messages and close connections. */
const lastMs = 3_000;

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
  /** Its number where it is one of several, which another process has started; else null. */
  readonly worker: number | null;
}

function readOptions(argv: readonly string[]): Options | null {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        help: { type: "boolean", short: "h", default: false },
        check: { type: "boolean", default: false },
        "until-empty": { type: "boolean", default: false },
        // Given by a supervisor, over whose channel a worker answers.
        worker: { type: "string" },
      },
    });
    const { help, check, worker, "until-empty": untilEmpty } = values;
    if (worker !== undefined && !process.connected) return null;
    return { help, check, untilEmpty, worker: worker === undefined ? null : Number(worker) };
  } catch {
    return null;
  }
}

async function start(config: Config, { check, untilEmpty, worker }: Options): Promise<number> {
  const log = openLog(config, { check, worker });
  reportCrashes(log, exit.unexpected);
  // A check or a drain that a signal ends has not done what it was asked for.
  const interrupted = check || untilEmpty ? exit.unexpected : exit.done;
  if (config.MASKLINE_WORKERS > 1 && worker === null && !check) {
    return supervise({ config, log, args: process.argv.slice(2), untilEmpty, interrupted });
  }
  // Nothing is in hand yet. Without a handler, the first process of a container would ignore the signal.
  const exitAtOnce = (): void => process.exit(interrupted);
  const isWorker = worker !== null;
  const starting = onStop({ stop: exitAtOnce, exitAtOnce, isWorker });
  // A check may run beside a consumer that has the port.
  const settings = check ? { ...config, PORT: 0 } : config;
  await using service = await compose({ config: settings, log, isWorker });
  const more = check ? await service.findMore() : [];
  const findings = [...service.findings, ...more];
  for (const { severity, finding, advice } of findings) {
    // Others find what the first of them has said.
    if (severity === "error") log.error({ advice }, finding);
    else if (!isWorker || worker === 1) log.warn({ advice }, finding);
  }
  if (findings.some(({ severity }) => severity === "error")) return exit.configuration;
  if (check) {
    const { MASKLINE_WORKERS: workers } = config;
    log.info({ warnings: findings.length, ...service.about, workers }, "ready to start");
    return exit.done;
  }
  starting[Symbol.dispose]();
  const ended = await runUntilStopped(service, { config, log, untilEmpty, isWorker });
  return ended === "done" ? exit.done : interrupted;
}

function openLog(config: Config, { check, worker }: Pick<Options, "check" | "worker">): Logger {
  // What a check says is what it was asked for, however little a service may log.
  const level = check && config.LOG_LEVEL !== "debug" ? "info" : config.LOG_LEVEL;
  const log = pino({ level }, process.stdout.isTTY ? pretty({ sync: true }) : undefined);
  return worker === null ? log : log.child({ worker });
}

interface Run {
  readonly config: Config;
  readonly log: Logger;
  readonly untilEmpty: boolean;
  readonly isWorker: boolean;
}

/** Ends as "done" where a queue is empty that was to be drained. */
async function runUntilStopped(
  service: Service,
  { config, log, untilEmpty, isWorker }: Run,
): Promise<"done" | "stopped"> {
  const shutdownMs = config.MASKLINE_SHUTDOWN_SECONDS * 1000;
  const stop = new AbortController();
  const giveUp = new AbortController();
  let deadline: NodeJS.Timeout | undefined;
  onStop({
    isWorker,
    stop(signal) {
      log.info({ signal }, "stopping: finishing what is in hand");
      stop.abort();
      deadline = setTimeout(() => giveUp.abort(), Math.max(0, shutdownMs - lastMs));
      setTimeout(() => process.exit(exit.unexpected), shutdownMs).unref();
    },
    exitAtOnce(signal) {
      log.warn({ signal }, "second signal: exiting at once");
      process.exit(exit.unexpected);
    },
  });

  log.info({ ...service.about, untilEmpty }, "consuming");
  if (isWorker) sayConsuming();
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
