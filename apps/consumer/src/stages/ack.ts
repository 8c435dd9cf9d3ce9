/** Deletes what is durable and releases the rest; what fails here comes again, and the ledger absorbs it. */
import type { BatchFailure, BatchOptions, Receipt } from "@org/sqs";

import type { Leases } from "../leases.ts";
import type { Held, Outcome } from "../model.ts";

export interface AckPort {
  readonly delete: (
    receipts: readonly Receipt[],
    options: BatchOptions,
  ) => Promise<readonly BatchFailure[]>;
  readonly changeVisibility: (
    receipts: readonly Receipt[],
    seconds: number,
  ) => Promise<readonly BatchFailure[]>;
}

export interface AckEvents {
  readonly deleted: (count: number) => void;
  /** Deletes that failed for good: these messages will be delivered again. */
  readonly deleteFailed: (codes: readonly string[]) => void;
  readonly returned: (count: number) => void;
}

export interface Ack {
  /** Never rejects: a failure is counted, and the message comes back by itself. */
  readonly ack: (outcome: Outcome) => Promise<void>;
  /** Makes messages visible to every consumer again, at once. */
  readonly release: (messages: readonly Held[]) => Promise<void>;
}

export function createAck(
  { queue, leases }: { queue: AckPort; leases: Pick<Leases, "drop"> },
  { events, giveUp }: { events: AckEvents; giveUp: AbortSignal },
): Ack {
  /** Each lease goes as soon as its message is deleted: what is deleted must not be renewed until the slowest is. */
  async function deleteDurable(durable: readonly Held[]): Promise<void> {
    const failures = await queue.delete(durable, {
      giveUp,
      onDone(receipts) {
        leases.drop(receipts);
        events.deleted(receipts.length);
      },
    });
    leases.drop(failures.map(({ receipt }) => receipt));
    if (failures.length > 0) events.deleteFailed(failures.map(({ code }) => code));
  }

  async function release(messages: readonly Held[]): Promise<void> {
    leases.drop(messages);
    const receipts = messages.filter(({ leaseLost }) => !leaseLost);
    if (receipts.length > 0) await queue.changeVisibility(receipts, 0);
    events.returned(messages.length);
  }

  return {
    release,
    async ack({ durable, released }) {
      await Promise.all([deleteDurable(durable), release(released)]);
    },
  };
}
