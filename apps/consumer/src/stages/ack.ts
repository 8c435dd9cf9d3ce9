/** Deletes what is durable and gives the rest back; what fails here comes again, and the ledger absorbs it. */
import type { BatchFailure, Receipt } from "@org/sqs";

import { backoffMs, pause } from "../backoff.ts";
import type { Backoff } from "../backoff.ts";
import { toReceipt } from "../leases.ts";
import type { Leases } from "../leases.ts";
import type { Held, Outcome } from "../model.ts";

export interface AckPort {
  delete(receipts: readonly Receipt[]): Promise<BatchFailure[]>;
  changeVisibility(receipts: readonly Receipt[], seconds: number): Promise<BatchFailure[]>;
}

export interface AckEvents {
  deleted(count: number): void;
  /** Deletes that still failed at the last attempt: these messages will be delivered again. */
  deleteFailed(codes: readonly string[]): void;
  returned(count: number): void;
}

export interface Ack {
  /** Never rejects: a failure is counted, and the message comes back by itself. */
  ack(outcome: Outcome): Promise<void>;
  /** Makes messages visible to every consumer again, at once. */
  giveBack(messages: readonly Held[]): Promise<void>;
}

/** What SQS takes in one batch (SQS quotas). */
const mostPerDelete = 10;

const attempts = 4;
const ackBackoff: Backoff = { firstMs: 200, mostMs: 3_000 };

export function createAck(
  { queue, leases }: { queue: AckPort; leases: Leases },
  { events, giveUp }: { events: AckEvents; giveUp: AbortSignal },
): Ack {
  /** In tens that do not wait for one another: what is deleted must not be renewed until the slowest is. */
  async function deleteSettled(settled: readonly Held[]): Promise<void> {
    const tens = Array.from({ length: Math.ceil(settled.length / mostPerDelete) }, (_, at) =>
      settled.slice(at * mostPerDelete, (at + 1) * mostPerDelete),
    );
    const codes = (await Promise.all(tens.map(deleteTen))).flat();
    if (codes.length > 0) events.deleteFailed(codes);
  }

  /** Resolves with the code of each delete that was given up. */
  async function deleteTen(ten: readonly Held[]): Promise<string[]> {
    const codes: string[] = [];
    let remaining = ten;
    for (let attempt = 0; remaining.length > 0; attempt += 1) {
      const failures = await queue.delete(remaining.map(toReceipt));
      const byId = new Map(failures.map((failure) => [failure.receipt.messageId, failure]));
      const deleted = remaining.filter(({ envelope }) => !byId.has(envelope.messageId));
      leases.drop(deleted);
      events.deleted(deleted.length);

      const failed = remaining.flatMap((held) => {
        const failure = byId.get(held.envelope.messageId);
        return failure ? [{ held, failure }] : [];
      });
      const isLast = attempt + 1 === attempts || giveUp.aborted;
      // A refusal says nothing about a handle that is newer than the one that was sent.
      const worthTrying = failed.filter(
        ({ held, failure }) =>
          !isLast && (!failure.senderFault || held.receiptHandle !== failure.receipt.receiptHandle),
      );
      const givenUp = failed.filter((entry) => !worthTrying.includes(entry));
      leases.drop(givenUp.map(({ held }) => held));
      codes.push(...givenUp.map(({ failure }) => failure.code));
      remaining = worthTrying.map(({ held }) => held);
      if (remaining.length > 0) await pause(backoffMs(ackBackoff, attempt), giveUp);
    }
    return codes;
  }

  async function giveBack(messages: readonly Held[]): Promise<void> {
    leases.drop(messages);
    const receipts = messages.filter(({ leaseLost }) => !leaseLost).map(toReceipt);
    if (receipts.length > 0) await queue.changeVisibility(receipts, 0);
    events.returned(messages.length);
  }

  return {
    giveBack,
    async ack({ settled, returned }) {
      await Promise.all([deleteSettled(settled), giveBack(returned)]);
    },
  };
}
