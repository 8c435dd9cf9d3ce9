/** Deletes and renewals: any number of receipts as batches of ten, failures told per receipt. */

import { setTimeout as sleep } from "node:timers/promises";

import type { BatchResultErrorEntry } from "@aws-sdk/client-sqs";
import pLimit, { type LimitFunction } from "p-limit";

import { isSenderFault, QueueError, queueErrorCode } from "./queue-error.ts";
import type { BatchFailure, BatchOptions, Receipt } from "./queue.ts";
import type { BatchAnswer } from "./transport.ts";

/** What SQS takes in one batch. */
const BATCH_LIMIT = 10;

/**
 * Batches of one kind on the wire at most; also the connections that they need. As many as the pollers
 * that a consumer may have by default: with fewer, durable messages fill its hands while they wait to
 * be deleted.
 */
export const BATCH_CONCURRENCY = 128;

const BACKOFF_MS = 100;

interface Entry {
  readonly Id: string;
  readonly ReceiptHandle: string;
}

/** One batch on the wire; rejects with a {@link QueueError}. */
export type SendBatch = (entries: Entry[]) => Promise<BatchAnswer>;

/** Sends receipts by `send`, in tens that do not wait for one another; resolves with those that failed for good. */
export type BatchCall = (
  receipts: readonly Receipt[],
  send: SendBatch,
  options?: BatchOptions,
) => Promise<BatchFailure[]>;

/**
 * One for each kind of call: renewals that queue behind slow deletes come after their leases ran out.
 *
 * @param attempts - How often an entry is sent that may yet succeed; nobody above tries again.
 */
export function createBatchCall(attempts: number): BatchCall {
  const limit: LimitFunction = pLimit(BATCH_CONCURRENCY);
  return async (receipts, send, options = {}) => {
    const failures = inTens(receipts).map(async (ten) => callTen(ten, send, options));
    return (await Promise.all(failures)).flat();
  };

  async function callTen(
    ten: readonly Receipt[],
    send: SendBatch,
    { giveUp, onDone }: BatchOptions,
  ): Promise<BatchFailure[]> {
    const failed: BatchFailure[] = [];
    let sent = ten;
    for (let attempt = 1; ; attempt += 1) {
      const outcomes = await limit(sendOnce, sent, send);
      const done = sent.filter((_, position) => outcomes[position] === null);
      if (done.length > 0) onDone?.(done);
      const isLast = attempt === attempts || giveUp?.aborted === true;
      const open: Receipt[] = [];
      for (const [position, failure] of outcomes.entries()) {
        const receipt = sent[position];
        if (!failure || !receipt) continue;
        // A refusal says nothing about a handle that is newer than the one that was sent.
        const mayPass =
          !failure.senderFault || receipt.receiptHandle !== failure.receipt.receiptHandle;
        if (mayPass && !isLast) open.push(receipt);
        else failed.push(failure);
      }
      if (open.length === 0) return failed;
      sent = open;
      await pause(Math.random() * BACKOFF_MS * 2 ** attempt, giveUp);
    }
  }
}

/**
 * Failures by position, null where there is none. Ids are positions too: a message may stand in one
 * batch twice, and a message id may be anything.
 */
async function sendOnce(
  receipts: readonly Receipt[],
  send: SendBatch,
): Promise<(BatchFailure | null)[]> {
  // Handles are read here and not when the batch was queued: SQS takes old ones, and does nothing.
  const sent = receipts.map(({ messageId, receiptHandle }) => ({ messageId, receiptHandle }));
  const entries = sent.map(({ receiptHandle }, position) => ({
    Id: String(position),
    ReceiptHandle: receiptHandle,
  }));
  try {
    const answer = await send(entries);
    const succeeded = new Set(listed(answer.Successful).map((entry) => entry.Id));
    const failed = new Map(listed(answer.Failed).map((entry) => [entry.Id, entry]));
    return sent.map((receipt, position) => {
      const id = String(position);
      return succeeded.has(id) ? null : entryFailure(receipt, failed.get(id));
    });
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    const { code, retryable } = error;
    return sent.map((receipt) => ({ receipt, code, senderFault: !retryable }));
  }
}

/** An entry that the answer names in neither list has to count as failed. */
function entryFailure(receipt: Receipt, entry: BatchResultErrorEntry | undefined): BatchFailure {
  if (entry === undefined) return { receipt, code: "unanswered", senderFault: false };
  const code = queueErrorCode(entry.Code);
  return { receipt, code, senderFault: entry.SenderFault ?? isSenderFault(code) };
}

/** The answer came over the wire: it may hold anything. */
function listed<T extends object>(list: readonly (T | null)[] | undefined): T[] {
  return Array.isArray(list) ? list.filter((entry: T | null) => entry !== null) : [];
}

function inTens(receipts: readonly Receipt[]): Receipt[][] {
  const count = Math.ceil(receipts.length / BATCH_LIMIT);
  return Array.from({ length: count }, (_, index) =>
    receipts.slice(index * BATCH_LIMIT, (index + 1) * BATCH_LIMIT),
  );
}

/** Ends early at the abort, after which there is one attempt more. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return;
  await sleep(ms, undefined, signal && { signal }).catch(() => {
    // Aborted: the caller asks the signal itself.
  });
}
