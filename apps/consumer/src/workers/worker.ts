/** One worker, as its supervisor sees it: a process of the same program, which is asked over Node's own channel. */
import { fork } from "node:child_process";
import { once } from "node:events";

import type { Answers, Question, Said } from "./answer.ts";

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Worker {
  /** From 1. */
  readonly number: number;
  readonly state: () => "starting" | "consuming" | "ended";
  /** Resolves once it consumes, or has ended before. */
  readonly started: Promise<unknown>;
  readonly ended: Promise<Ending>;
  /** Null where it has not answered within a second. */
  readonly ask: <About extends keyof Answers>(about: About) => Promise<Answers[About] | null>;
  /** Milliseconds since it was first asked in vain, or was started and has said nothing. */
  readonly silentMs: () => number;
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** No healthy worker is busy with one thing for so long. */
const answerMs = 1_000;

/**
 * Starts one with this process's own options, environment and streams.
 *
 * @param args - Of this process; the worker's number is added.
 * @param unanswered - Told of each question without an answer.
 */
export function startWorker(
  number: number,
  args: readonly string[],
  unanswered: () => void,
): Worker {
  const child = fork(process.argv[1] ?? "", [...args, `--worker=${number}`], {
    // JSON has no NaN, which metrics have.
    serialization: "advanced",
  });
  const consuming = Promise.withResolvers<void>();
  const answers = new Map<number, (answer: unknown) => void>();
  const asked = new Map<keyof Answers, Promise<unknown>>();
  let state: ReturnType<Worker["state"]> = "starting";
  let silentSinceMs: number | null = performance.now();
  let questions = 0;

  child.on("message", (message) => {
    const said = message as Said;
    silentSinceMs = null;
    if (said !== "consuming") return answers.get(said.id)?.(said.answer);
    state = "consuming";
    consuming.resolve();
  });
  const ended = once(child, "exit").then((exit): Ending => {
    state = "ended";
    const [code, signal] = exit as [number | null, NodeJS.Signals | null];
    return { code, signal };
  });

  async function askOnce(about: keyof Answers): Promise<unknown> {
    const id = (questions += 1);
    const { promise, resolve } = Promise.withResolvers<unknown>();
    answers.set(id, resolve);
    const timer = setTimeout(resolve, answerMs, null);
    const askedAtMs = performance.now();
    const question: Question = { id, about };
    child.send(question, (fault) => fault && resolve(null));
    const answer = await promise;
    clearTimeout(timer);
    answers.delete(id);
    if (answer === null && child.connected) {
      silentSinceMs ??= askedAtMs;
      unanswered();
    }
    return answer;
  }

  /** Who asks while the same is being asked gets that answer: many requests ask no more often than one. */
  function ask(about: keyof Answers): Promise<unknown> {
    const asking = asked.get(about) ?? askOnce(about).finally(() => asked.delete(about));
    asked.set(about, asking);
    return asking;
  }

  return {
    number,
    state: () => state,
    started: Promise.race([consuming.promise, ended]),
    ended,
    ask: ask as Worker["ask"],
    silentMs: () => (silentSinceMs === null ? 0 : performance.now() - silentSinceMs),
    kill: (signal) => void child.kill(signal),
  };
}
