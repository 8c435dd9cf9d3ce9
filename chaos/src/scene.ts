/** One fault at work: messages flow, something breaks, the queue drains, and everything is counted. */
import { setTimeout as sleep } from "node:timers/promises";

import type { Random } from "@org/schema";

import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";
import type { ChaosOptions, QueueKind } from "./options.ts";
import type { Producer } from "./producer.ts";
import type { Stage } from "./stage.ts";

/** What a fault is handed: the stage to break, and where to say what it did. */
export interface Scene {
  readonly options: ChaosOptions;
  readonly stage: Stage;
  readonly fleet: Fleet;
  readonly producer: Producer;
  readonly random: Random;
  readonly journal: Journal;
  /** Counts one time that the fault struck. */
  readonly hit: () => void;
  readonly hits: () => number;
  /** States what must hold; a sentence without a value. */
  readonly expect: (holds: boolean, otherwise: string) => void;
  /** Waits for something to come true; where it does not, the run is inconclusive. */
  readonly until: (what: string, condition: () => boolean | Promise<boolean>) => Promise<void>;
  /** Lets the fault work for so long. */
  readonly pause: (ms: number) => Promise<void>;
}

export interface FaultDefinition {
  readonly name: string;
  /** A line for the help. */
  readonly what: string;
  /** How often it has to strike in a round. */
  readonly enough: number;
  /** Only on queues of this kind. */
  readonly kind?: QueueKind;
  /** Only with a vault. */
  readonly needsVault?: true;
  /** Only where the SQS server can be told to misbehave, and says what is received. */
  readonly needsHostileServer?: true;
  /** Resolves when the fault is over; messages are sent all the while. */
  readonly strike: (scene: Scene) => Promise<void>;
}

/** Why a run says nothing: it did not get as far as it had to. */
export class Inconclusive extends Error {
  override readonly name = "Inconclusive";
}

const longestWaitMs = 60_000;
const lookEveryMs = 25;

export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { signal, mostMs = longestWaitMs }: { signal: AbortSignal; mostMs?: number },
): Promise<void> {
  const deadline = performance.now() + mostMs;
  while (!(await condition())) {
    signal.throwIfAborted();
    if (performance.now() > deadline) {
      throw new Inconclusive(`waited ${Math.round(mostMs / 1000)} s in vain until ${what}`);
    }
    await sleep(lookEveryMs);
  }
}

/** Waits until no message is left, visible or in flight. */
export async function untilEmpty({ stage, until }: Scene): Promise<void> {
  await until(
    "the queue is empty",
    async () => (await stage.server.messageIds(stage.queueUrl)).length === 0,
  );
}

/** The same things in an order that the seed decides. */
export function shuffled<Thing>(things: readonly Thing[], random: Random): Thing[] {
  const left = [...things];
  return things.flatMap(() => left.splice(random.integer(0, left.length - 1), 1));
}
