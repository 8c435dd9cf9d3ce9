/** The main job, from nothing: start, send, consume, count. */
import type { ChosenContract } from "@org/local";
import { sampleMessages } from "@org/schema";
import { consume } from "./consume.ts";
import { type Outcome, readOutcome } from "./outcome.ts";
import type { ProgressView } from "./progress.ts";
import { type Stack, startStack } from "./stack.ts";

/** One batch of deletes is forgotten for each of these many messages. */
const messagesPerForgottenDelete = 500;
/** Messages sent between two checks whether to go on. */
const sendAtOnce = 500;

export interface Summary {
  readonly sent: number;
  readonly written: number;
  readonly duplicates: number;
  readonly quarantined: number;
  readonly seconds: number;
}

export interface DemoRun extends ChosenContract {
  readonly messages: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly progress: ProgressView;
  /** Shows the result; the stack is stopped once it resolves. */
  readonly show: (result: { summary: Summary; outcome: Outcome; stack: Stack }) => Promise<void>;
}

/** Resolves when everything that was started is stopped and removed. */
export async function runDemo(run: DemoRun): Promise<Summary> {
  const { contract, reference, messages: count, seed, signal, progress } = run;

  progress.step("PostgreSQL, SQS, keyring and schema");
  const forgottenDeletes = Math.ceil(count / messagesPerForgottenDelete);
  await using stack = await startStack({ contract, reference, forgottenDeletes, signal });

  progress.step("Sample messages sent");
  const bodies = sampleMessages(contract, { count, seed }).map(({ body }) => body);
  const messageIds = new Set<string>();
  for (let start = 0; start < count; start += sendAtOnce) {
    signal.throwIfAborted();
    const ids = await stack.queue.send(stack.queueUrl, bodies.slice(start, start + sendAtOnce));
    for (const id of ids) messageIds.add(id);
    progress.advance(messageIds.size, count);
  }

  progress.step("Consumed, until the queue was empty");
  const { duplicates, seconds } = await consume(stack, {
    signal,
    onProgress: ({ written, quarantined, duplicates }) => {
      const decided = written + quarantined;
      progress.advance(decided, count, decided < count ? "" : `, ${duplicates} delivered again`);
    },
  });
  progress.done();

  const outcome = await readOutcome(stack);
  const { written, quarantined } = outcome;
  const summary: Summary = {
    sent: messageIds.size,
    written,
    duplicates,
    quarantined,
    seconds: Number(seconds.toFixed(3)),
  };
  await run.show({ summary, outcome, stack });
  return summary;
}
