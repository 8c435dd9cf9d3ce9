/** Long polls that never wait for a write: few while the queue is idle, many while it is full. */
import type { Envelope } from "@org/sqs";

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
  receive(options: {
    maxMessages: number;
    waitSeconds: number;
    signal: AbortSignal;
  }): Promise<{ envelopes: Envelope[]; damaged: number }>;
}

export interface ReceiveOptions {
  readonly pollers: number;
  readonly waitSeconds: number;
  /** FIFO: after damage, later messages of the same group must not overtake the damaged one. */
  readonly returnAllOnDamage: boolean;
  giveBack(messages: readonly Held[]): Promise<void>;
  /** Aborts when there is no time left even for polls in flight. */
  readonly giveUp: AbortSignal;
  readonly events: ReceiveEvents;
}

export interface ReceiveEvents {
  received(envelopes: readonly Envelope[]): void;
  damaged(count: number): void;
  /** Messages with bodies for which there is no room: they come again after their lease. */
  left(count: number): void;
  /** A receive ended, with how many messages it brought: the sign of life of this stage. */
  polled(count: number): void;
  failed(failure: Failure): void;
}

const errorBackoff: Backoff = { firstMs: 200, mostMs: 30_000 };

/** A poll that has not ended this long after its wait time hangs: the watchdog ends it. */
const hangMs = 15_000;

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
  const { pollers, waitSeconds, giveUp, events } = options;

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

    async function poll(reservation: Reservation): Promise<void> {
      const failuresBefore = failures;
      let messages: Held[] = [];
      using deadline = openDeadline(waitSeconds * 1000 + hangMs, giveUp);
      try {
        const { signal } = deadline;
        const receiving = queue.receive({ maxMessages: mostPerReceive, waitSeconds, signal });
        const received = await unlessAborted(receiving, signal);
        // Not every wait inside it heeds the signal; what it still brings comes again after its lease.
        if (!received) throw new PollAborted();
        const { envelopes, damaged } = received;
        failures = 0;
        wanted = adapt(wanted, envelopes.length, pollers);
        events.received(envelopes);
        events.polled(envelopes.length);
        messages = envelopes.flatMap((envelope) => leases.hold(envelope) ?? []);
        if (damaged > 0) events.damaged(damaged);
        if (damaged > 0 && options.returnAllOnDamage) {
          await options.giveBack(messages.splice(0));
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

    while (!stop.aborted) {
      // Not a race of the polls: each would gather a reaction for every one that ends before it.
      while (polls.size >= wanted) await pollEnded.promise;
      if (failures > 0) await pause(backoffMs(errorBackoff, failures - 1), stop);
      await breaker.closed(stop);
      const reservation = await buffer.reserve(stop);
      if (!reservation) break;
      if (stop.aborted || breaker.open) {
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
    buffer.close();
  };
}

/** One poller more for each full receive, half of them for an empty one: SQS is paid by request. */
function adapt(wanted: number, received: number, most: number): number {
  if (received === mostPerReceive) return Math.min(most, wanted + 1);
  if (received === 0) return Math.max(1, Math.floor(wanted / 2));
  return wanted;
}
