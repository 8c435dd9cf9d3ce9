/** A worker's side: says that it consumes, and answers what its supervisor asks. */
import type { ScopeMetrics } from "@opentelemetry/sdk-metrics";

/** What is asked, and what the answer is. */
export interface Answers {
  readonly health: { readonly isLive: boolean; readonly isReady: boolean };
  readonly metrics: readonly ScopeMetrics[];
}

export interface Question {
  readonly id: number;
  readonly about: keyof Answers;
}

/** What a worker sends: its first word, or the answer to a question. */
export type Said = "consuming" | { readonly id: number; readonly answer: Answers[keyof Answers] };

export type Answerers = { readonly [About in keyof Answers]: () => Promise<Answers[About]> };

/** Answers until disposed of. */
export function answerSupervisor(answerers: Answerers): Disposable {
  async function answer({ id, about }: Question): Promise<void> {
    say({ id, answer: await answerers[about]() });
  }
  const onQuestion = (question: unknown): void => void answer(question as Question);
  process.on("message", onQuestion);
  return { [Symbol.dispose]: () => void process.off("message", onQuestion) };
}

/** The supervisor starts the other workers when the first has said this. */
export function sayConsuming(): void {
  say("consuming");
}

function say(said: Said): void {
  // A supervisor that is gone hears nothing; its end has been noticed by then, or will be.
  process.send?.(said, undefined, undefined, () => {});
}
