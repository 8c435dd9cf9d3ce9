/** The three hot calls, as SQS itself states them; a transport adds nothing but the wire. */

import type {
  BatchResultErrorEntry,
  ChangeMessageVisibilityBatchRequest,
  DeleteMessageBatchRequest,
  ReceiveMessageRequest,
} from "@aws-sdk/client-sqs";

/** What a batch call resolves with, taken from the answer as it is. */
export interface BatchAnswer {
  readonly Successful?: readonly { readonly Id: string | undefined }[] | undefined;
  readonly Failed?: readonly BatchResultErrorEntry[] | undefined;
}

/**
 * One attempt per call, no check of what comes back. Every rejection is a {@link QueueError},
 * except that of a call which its caller aborted: that one is anything.
 *
 * Polls, deletes and changes of visibility use connections of their own, so that none of them waits
 * for one that a long poll or a slow delete holds.
 */
export interface Transport {
  readonly receiveMessage: (
    request: ReceiveMessageRequest,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  ) => Promise<{ readonly Messages?: unknown }>;
  readonly deleteMessageBatch: (request: DeleteMessageBatchRequest) => Promise<BatchAnswer>;
  readonly changeMessageVisibilityBatch: (
    request: ChangeMessageVisibilityBatchRequest,
  ) => Promise<BatchAnswer>;
  /** The time as the server's last answer dated it. */
  readonly serverNowMs: () => number;
  readonly close: () => Promise<void>;
}

/** How long a silent peer is waited for. */
export interface Timeouts {
  /** What a poll is granted beyond its own wait: with a 20 s wait, 28 s in all. */
  readonly pollMarginMs: number;
  /**
   * Every other call; also how long a connection may take and a body may pause. Over the SDK the
   * body of a poll may pause for about 30 s.
   */
  readonly callMs: number;
}

/** SQS's longest long poll. */
export const LONGEST_WAIT_MS = 20_000;

/**
 * The most that an answer may weigh: a peer that sends without end must not fill the memory. Ten
 * bodies of 1 MiB may triple in JSON, where a server escapes all that is not ASCII.
 */
export const ANSWER_LIMIT_BYTES: number = 32 * 1024 * 1024;
