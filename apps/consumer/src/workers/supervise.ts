/** Several workers as one consumer: started, stopped and ended together. */
import type { Logger } from "pino";

import type { Config } from "../config.ts";
import { exit } from "../exit.ts";
import { onStop } from "../signals.ts";
import { openFront } from "./front.ts";
import { startWorker } from "./worker.ts";
import type { Ending, Worker } from "./worker.ts";

export interface Supervised {
  readonly config: Config;
  readonly log: Logger;
  /** Of this process; each worker gets them too. */
  readonly args: readonly string[];
  readonly untilEmpty: boolean;
  /** What a process exits with that a signal ended before it could do so in order. */
  readonly interrupted: number;
}

/**
 * Resolves with the exit code when every worker has ended: the first that is not 0, in the order of
 * their ends; 0 where all were told to end alone.
 *
 * The first worker starts alone, so that what keeps all of them from starting is said once. Where
 * one ends by itself, but for a drain that is done, the others are stopped in order: whoever
 * supervises this process starts them all anew.
 *
 * @throws StartFault where the port cannot be had.
 */
export async function supervise({
  config,
  log,
  args,
  untilEmpty,
  interrupted,
}: Supervised): Promise<number> {
  const workers: Worker[] = [];
  const endings: Promise<void>[] = [];
  let stoppedBy: NodeJS.Signals | null = null;
  let exitCode: number = exit.done;
  let deadline: NodeJS.Timeout | undefined;

  function kill(signal: NodeJS.Signals): void {
    for (const worker of workers) worker.kill(signal);
  }

  function stop(signal: NodeJS.Signals): void {
    if (stoppedBy !== null) return;
    stoppedBy = signal;
    kill(signal);
    deadline = setTimeout(kill, config.MASKLINE_SHUTDOWN_SECONDS * 1000, "SIGKILL");
  }

  function noteEnding(worker: number, { code, signal }: Ending): void {
    exitCode ||= code ?? (signal === stoppedBy ? interrupted : exit.unexpected);
    if (stoppedBy !== null || (untilEmpty && code === exit.done)) return;
    log.error({ worker, code, signal }, "a worker ended by itself: the others stop");
    exitCode ||= exit.unexpected;
    stop("SIGTERM");
  }

  function startOne(): void {
    const number = workers.length + 1;
    const worker = startWorker(number, args, () => front.unanswered(number));
    workers.push(worker);
    endings.push(worker.ended.then((ending) => noteEnding(number, ending)));
  }

  onStop({
    isWorker: false,
    stop(signal) {
      if (workers.length === 0) process.exit(interrupted);
      log.info({ signal }, "stopping: each worker finishes what it has in hand");
      stop(signal);
    },
    exitAtOnce(signal) {
      log.warn({ signal }, "second signal: exiting at once");
      kill("SIGKILL");
      process.exit(exit.unexpected);
    },
  });
  await using front = await openFront(config, workers);
  startOne();
  await workers[0]?.started;
  if (stoppedBy === null) while (workers.length < config.MASKLINE_WORKERS) startOne();
  await Promise.all(workers.map(({ started }) => started));
  if (stoppedBy === null)
    log.info({ workers: workers.length, port: front.port }, "all workers consume");
  await Promise.all(endings);
  clearTimeout(deadline);
  log.info({ code: exitCode }, "all workers have ended");
  return exitCode;
}
