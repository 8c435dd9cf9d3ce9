/** Long polls that never wait for a write: few while the queue is idle, many while it is full. */
import type { Damage, Envelope, Received, ReceiveOptions as PollOptions } from "@org/sqs";

import { backoffMs, pause, unlessAborted } from "../backoff.ts";
import type { Backoff } from "../backoff.ts";
import type { Breaker } from "../breaker.ts";
import { mostPerReceive } from "../buffer.ts";
import type { Buffer, Reservation } from "../buffer.ts";
import { openDeadline } from "../deadline.ts";
import type { Failure } from "../failure.ts";
import { toFailure } from "../failure.ts";
import type { Leases } from "../leases.ts";
import type { Held } from "../model.ts";

export interface ReceivePort {
  readonly receive: (options: PollOptions) => Promise<Received>;
}

export interface ReceiveOptions {
  readonly pollers: number;
  readonly waitSeconds: number;
  /** How long the queue can keep a message: what says it is older is damaged. */
  readonly maxAgeMs?: number;
  /** The redrive policy's; null where there is none. */
  readonly maxReceiveCount: number | null;
  /** FIFO: after damage, later messages of the same group must not overtake the damaged one. */
  readonly returnAllOnDamage: boolean;
  readonly release: (messages: readonly Held[]) => Promise<void>;
  /** Aborts when there is no time left even for polls in flight. */
  readonly giveUp: AbortSignal;
  readonly events: ReceiveEvents;
}

export interface ReceiveEvents {
  readonly received: (envelopes: readonly Envelope[]) => void;
  readonly damaged: (damages: readonly Damage[]) => void;
  /** Messages with bodies for which there is no room: they come again after their lease. */
  readonly left: (count: number) => void;
  /** A receive ended, with how many messages it brought: the sign of life of this stage. */
  readonly polled: (count: number) => void;
  readonly failed: (failure: Failure) => void;
  /** Nothing but messages that lack a piece ever came: the server is at fault, and is asked no more. */
  readonly halted: (damages: readonly Damage[]) => void;
}

const errorBackoff: Backoff = { firstMs: 200, mostMs: 30_000 };

/** A poll that has not ended this long after its wait time hangs: the watchdog ends it. */
const hangMs = 15_000;

/**
 * How much of its wait a poll pauses after one that brought nothing, while it is the only one: 20 s and
 * this pause make 175 receives an hour, which leaves five requests for other questions.
 */
const idlePause = 1 / 40;

/** The first one is short: whether a receive can succeed is to be known soon, also on an idle queue. */
const firstWaitSeconds = 1;

/** A poll that was told to end, whether it heard or not. */
class PollAborted extends Error {
  readonly code = "aborted";
}

/** Polls until `stop` aborts; a poll in flight is let return, because aborting it could strand its messages. */
export function createReceive(
  {
    queue,
    buffer,
    leases,
    breaker,
  }: { queue: ReceivePort; buffer: Buffer; leases: Leases; breaker: Breaker },
  options: ReceiveOptions,
): (stop: AbortSignal) => Promise<void> {
  const { pollers, waitSeconds, maxAgeMs, giveUp, events } = options;

  /** Not given back: polls still in flight would receive them again at once, over and over. */
  function leave(messages: readonly Held[]): void {
    leases.drop(messages);
    events.left(messages.length);
  }

  return async function receive(stop) {
    const polls = new Set<Promise<void>>();
    let pollEnded = Promise.withResolvers<void>();
    let wanted = 1;
    let failures = 0;
    let hasPolled = false;
    let isIdle = false;
    let halted = false;
    const trial = createTrial(options.maxReceiveCount);

    async function poll(reservation: Reservation): Promise<void> {
      const failuresBefore = failures;
      const pollSeconds = hasPolled ? waitSeconds : Math.min(firstWaitSeconds, waitSeconds);
      let messages: Held[] = [];
      using deadline = openDeadline(pollSeconds * 1000 + hangMs, giveUp);
      try {
        const { signal } = deadline;
        const maxMessages = trial.begun ? 1 : mostPerReceive;
        const receiving = queue.receive({
          maxMessages,
          waitSeconds: pollSeconds,
          signal,
          ...(maxAgeMs !== undefined && { maxAgeMs }),
        });
        const received = await unlessAborted(receiving, signal);
        // Not every wait inside it heeds the signal; what it still brings comes again after its lease.
        if (!received) throw new PollAborted();
        const { envelopes, damaged } = received;
        hasPolled = true;
        events.received(envelopes);
        events.polled(envelopes.length);
        messages = envelopes.flatMap((envelope) => leases.hold(envelope) ?? []);
        if (damaged.length > 0) events.damaged(damaged);
        if (envelopes.length === 0 && damaged.length > 0) {
          // Each receive of these spends one of theirs: as after a failure, the next one waits.
          failures = failuresBefore + 1;
          wanted = 1;
        } else {
          failures = 0;
          wanted = adapt(wanted, envelopes.length, pollers);
          isIdle = envelopes.length === 0 && wanted === 1;
        }
        if (trial.judge(received) === "halt") {
          halted = true;
          events.halted(damaged);
        }
        if (damaged.length > 0 && options.returnAllOnDamage) {
          await options.release(messages.splice(0));
        }
      } catch (error) {
        // Polls that were in flight together fail together: one failure, not one each.
        failures = failuresBefore + 1;
        wanted = 1;
        events.failed(toFailure("receive", error));
      } finally {
        if (!reservation.exchange(messages)) leave(messages);
      }
    }

    while (!stop.aborted && !halted) {
      // Not a race of the polls: each would gather a reaction for every one that ends before it.
      while (polls.size >= wanted) await pollEnded.promise;
      if (failures > 0) await pause(backoffMs(errorBackoff, failures - 1), stop);
      else if (isIdle) await pause(1000 * waitSeconds * idlePause, stop);
      await breaker.closed(stop);
      const reservation = await buffer.reserve(stop);
      if (!reservation) break;
      if (stop.aborted || breaker.open || halted) {
        reservation.exchange([]);
        continue;
      }
      const started = poll(reservation).finally(() => {
        polls.delete(started);
        pollEnded.resolve();
        pollEnded = Promise.withResolvers();
      });
      polls.add(started);
    }
    await Promise.all(polls);
    if (halted) await aborted(stop);
    buffer.close();
  };
}

/** Whether the server speaks as SQS does: one whose every message lacks a piece is asked a few times, and no more. */
interface Trial {
  readonly begun: boolean;
  readonly judge: (received: Received) => "go_on" | "halt";
}

/** Receives, after the first of one message each. Every consumer of the queue may spend as many. */
const mostTrials = 3;

/** What is left to a healthy message then. */
const receivesLeft = 2;

/**
 * A message that is damaged in transit comes whole the next time. Where the first ones all lack the
 * same kind of thing, the server does not speak as SQS does, and each receive brings healthy
 * messages nearer to the dead-letter queue.
 */
function createTrial(maxReceiveCount: number | null): Trial {
  const most = Math.max(1, Math.min(mostTrials, (maxReceiveCount ?? Infinity) - receivesLeft));
  let isOver = false;
  let spent = 0;
  return {
    get begun() {
      return !isOver && spent > 0;
    },
    judge({ envelopes, damaged }) {
      isOver ||= envelopes.length > 0;
      if (isOver || damaged.length === 0 || !damaged.every(isPieceMissing)) return "go_on";
      spent += 1;
      return spent >= most ? "halt" : "go_on";
    },
  };
}

function isPieceMissing(damage: Damage): boolean {
  return damage.endsWith("_missing");
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
}

/** One poller more for each full receive, half of them for an empty one: SQS is paid by request. */
function adapt(wanted: number, received: number, most: number): number {
  if (received === mostPerReceive) return Math.min(most, wanted + 1);
  if (received === 0) return Math.max(1, Math.floor(wanted / 2));
  return wanted;
}
