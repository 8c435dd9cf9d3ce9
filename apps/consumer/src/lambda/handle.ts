/** One invocation: an event of an SQS event source in, the ids that have no outcome yet out. */
import type { EventRecord } from "@org/sqs/lambda-event";

import { pause } from "../backoff.ts";
import type { BatchTrace } from "../batch-trace.ts";
import type { Carry } from "../carry.ts";
import { openDeadline } from "../deadline.ts";
import type { Held } from "../model.ts";
import type { ReceiveEvents } from "../stages/receive.ts";

export interface HandlePorts {
  /** Null where the event is none of an SQS event source. */
  readonly read: (event: unknown) => EventRecord[] | null;
  /** Resolves once a batch may be written; false where `giveUp` aborts before. Rejects where none ever may. */
  readonly ready: (giveUp: AbortSignal) => Promise<boolean>;
  readonly carry: Carry;
  readonly events: Pick<ReceiveEvents, "received" | "damaged"> & {
    readonly invoked: (failed: number) => void;
  };
}

/** What the runtime tells of an invocation, as far as it is used. */
export interface Invocation {
  readonly getRemainingTimeInMillis: () => number;
}

/** What an event source with ReportBatchItemFailures takes: it deletes every message that is not named. */
export interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

export type Handle = (event: unknown, invocation: Invocation) => Promise<BatchResponse>;

/** Left of an invocation's time to answer: one that runs out of time has answered nothing. */
const lastMs = 1_000;

const never = new AbortController().signal;

/** Spans would be sent while the sandbox is frozen: there are none. */
const untraced: BatchTrace = { stage: (_, work) => work(), end() {} };

export function createHandle({ read, ready, carry, events }: HandlePorts): Handle {
  return async function handle(event, { getRemainingTimeInMillis }) {
    const records = read(event);
    if (!records) throw new TypeError("The event is none of an SQS event source.");
    using deadline = openDeadline(Math.max(0, getRemainingTimeInMillis() - lastMs), never);
    const giveUp = deadline.signal;
    const held = takeInHand(records);
    events.received(held.map(({ envelope }) => envelope));
    events.damaged(records.flatMap((record) => ("damage" in record ? [record.damage] : [])));

    // Timers that fell due while the sandbox was frozen: connections too old to trust are closed by theirs.
    await pause(0, giveUp);
    const isReady = await ready(giveUp);
    const { durable } = isReady ? await carry(held, { giveUp, trace: untraced }) : { durable: [] };
    const failed = failedOf(records, durable);
    events.invoked(failed.length);
    return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
  };
}

/** In order. What is behind a damaged message of its group waits with it. */
function takeInHand(records: readonly EventRecord[]): Held[] {
  const stoppedGroups = new Set<string | null>();
  return records.flatMap((record) => {
    const { groupId } = record;
    if ("damage" in record) {
      stoppedGroups.add(groupId);
      return [];
    }
    return groupId !== null && stoppedGroups.has(groupId) ? [] : [toHeld(record)];
  });
}

/** Its lease is the event source's, which renews none: the queue's visibility timeout outlasts an invocation. */
function toHeld(envelope: Held["envelope"]): Held {
  const { messageId, receiptHandle, receivedAtMs } = envelope;
  const lease = { leaseUntilMs: Number.POSITIVE_INFINITY, leaseLost: false };
  return { envelope, messageId, receiptHandle, receivedAtMs, ...lease };
}

/** A message that came twice is durable where both copies are. */
function failedOf(records: readonly EventRecord[], durable: readonly Held[]): string[] {
  const settled = new Set<EventRecord>(durable.map(({ envelope }) => envelope));
  const failed = records.filter((record) => !settled.has(record));
  return [...new Set(failed.map(({ messageId }) => messageId))];
}
