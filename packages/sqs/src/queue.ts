/** What a queue is to its callers: messages in, receipts back. */

import type { QueueErrorCode } from "./queue-error.ts";
import type { Target } from "./target.ts";

/** One received message. Its body is personal data: it goes into no log, error or metric. */
export interface Envelope {
  /** The same at every redelivery. */
  readonly messageId: string;
  /** New at every receipt; only the newest one counts. */
  readonly receiptHandle: string;
  readonly body: string;
  /** Length of the body in UTF-8. */
  readonly bytes: number;
  /** SQS's SentTimestamp, the same at every redelivery. */
  readonly sentAtMs: number;
  /** SQS's ApproximateReceiveCount; 1 at the first receipt. */
  readonly receiveCount: number;
  /** The message group, on FIFO queues; else null. */
  readonly groupId: string | null;
  /** AWSTraceHeader, where the producer traces. */
  readonly traceHeader: string | null;
  /**
   * Which of the extended client's attributes the message carries. No other attribute is asked
   * for, and no value is kept.
   */
  readonly attributeNames: readonly string[];
  /**
   * `performance.now()` just before the request was sent: no later than the moment at which the
   * lease began, however long the poll took.
   */
  readonly receivedAtMs: number;
}

/** What a delete or a renewal needs of a message; an {@link Envelope} is one. */
export interface Receipt {
  readonly messageId: string;
  readonly receiptHandle: string;
}

/** One receipt that was not deleted or renewed. */
export interface BatchFailure {
  /** As it was sent last. */
  readonly receipt: Receipt;
  readonly code: QueueErrorCode;
  /** True when the same receipt would fail again. */
  readonly senderFault: boolean;
}

/** What makes a message unusable. A piece that is missing is most likely a fault of the server. */
export const damageKinds = [
  "id_missing",
  "handle_missing",
  "body_missing",
  "md5_missing",
  "date_missing",
  "md5_wrong",
  "date_impossible",
] as const;

export type Damage = (typeof damageKinds)[number];

/** What one receive brought. */
export interface Received {
  readonly envelopes: Envelope[];
  /**
   * The damage of each message that arrived unusable. They are left alone: their lease expires and
   * SQS delivers them again, or, after `maxReceiveCount` times, to the dead-letter queue.
   */
  readonly damaged: Damage[];
}

/** Where messages go that were received too often. */
export interface Redrive {
  readonly deadLetterTargetArn: string;
  readonly maxReceiveCount: number;
  /** Retention of the dead-letter queue; null when it cannot be read. */
  readonly deadLetterRetentionSeconds: number | null;
  /** Messages in the dead-letter queue, by SQS's approximate count; null when it cannot be read. */
  readonly deadLetterMessages: number | null;
}

/** The queue as it is configured, and how deep it is by SQS's approximate count. */
export interface QueueAttributes {
  /** Null where the implementation has none. */
  readonly arn: string | null;
  readonly fifo: boolean;
  readonly visibilityTimeoutSeconds: number;
  /** Null where the implementation has none. */
  readonly retentionSeconds: number | null;
  readonly redrive: Redrive | null;
  readonly depth: {
    readonly visible: number;
    readonly inFlight: number;
    readonly delayed: number;
  };
}

export interface ReceiveOptions {
  /** 1 to 10. */
  readonly maxMessages: number;
  /** 0 to 20. */
  readonly waitSeconds: number;
  /**
   * A hard stop. Messages that SQS hands to an aborted poll stay hidden until their lease expires,
   * so an orderly shutdown waits for the poll to return instead.
   */
  readonly signal?: AbortSignal;
  /** How long this queue can keep a message: one that says it is older is damaged. Default: any age. */
  readonly maxAgeMs?: number;
}

/** How a batch of receipts is deleted or changed. */
export interface BatchOptions {
  /** Once it aborts, what failed is not tried again. */
  readonly giveUp?: AbortSignal;
  /** Told of receipts, as they were given, as soon as they are done: the others may take longer. */
  readonly onDone?: (receipts: readonly Receipt[]) => void;
}

/**
 * One SQS queue.
 *
 * Nothing here promises that a message comes once, or that a deleted message stays away: SQS does
 * not. `receive` makes one attempt and leaves backing off to its caller, because each attempt can
 * hide ten messages and spend one of their receives.
 */
export interface Queue extends AsyncDisposable {
  /**
   * Where calls go, which region they are signed for and what named it.
   *
   * @throws {@link QueueError} `endpoint_invalid`
   */
  readonly target: () => Promise<Target>;

  /** @throws {@link QueueError} */
  readonly attributes: () => Promise<QueueAttributes>;

  /** @throws {@link QueueError} */
  readonly receive: (options: ReceiveOptions) => Promise<Received>;

  /**
   * Deletes any number of messages, and resolves with those it could not delete. Never throws for
   * a failed call: such a call counts as a failure of each of its entries.
   *
   * Entries that may yet succeed are tried five times in all, over about three seconds: whoever
   * calls this need not. A receipt's handle is read whenever its batch is sent, so that its owner
   * may replace it while it waits; a refused handle that was replaced meanwhile is tried again too.
   */
  readonly delete: (
    receipts: readonly Receipt[],
    options?: BatchOptions,
  ) => Promise<BatchFailure[]>;

  /**
   * Sets how long the messages stay hidden from now on; 0 releases them at once. Fails like
   * {@link Queue.delete}, after three tries. SQS refuses to extend a lease past 12 hours from its
   * receipt.
   */
  readonly changeVisibility: (
    receipts: readonly Receipt[],
    seconds: number,
  ) => Promise<BatchFailure[]>;
}
