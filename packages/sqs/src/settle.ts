/** Deletes and renewals: any number of receipts as batches of ten, failures told per receipt. */

import { setTimeout as sleep } from "node:timers/promises";

import type { BatchResultErrorEntry } from "@aws-sdk/client-sqs";
import pLimit, { type LimitFunction } from "p-limit";

import { isSenderFault, QueueError, queueErrorCode } from "./queue-error.ts";
import type { BatchFailure, Receipt } from "./queue.ts";
import type { BatchAnswer } from "./transport.ts";

/** What SQS takes in one batch. */
const BATCH_LIMIT = 10;

/**
 * Batches of one kind on the wire at once; also the connections that they need. Twice the pollers a consumer has
 * by default: with fewer, settled messages fill its hands while they wait to be deleted.
 */
export const SETTLE_CONCURRENCY = 64;

const ATTEMPTS = 3;
const BACKOFF_MS = 100;

interface Entry {
  readonly Id: string;
  readonly ReceiptHandle: string;
}

/** One batch call; rejects with a {@link QueueError}. */
type CallBatch = (entries: Entry[]) => Promise<BatchAnswer>;

/** Settles receipts by `call`; resolves with those that stay unsettled. */
export type Settle = (receipts: readonly Receipt[], call: CallBatch) => Promise<BatchFailure[]>;

/** One for each kind of call: renewals that queue behind slow deletes come after their leases ran out. */
export function createSettle(): Settle {
  const limit: LimitFunction = pLimit(SETTLE_CONCURRENCY);
  return async (receipts, call) => {
    const failures = await limit.map(inTens(receipts), (batch) => settleBatch(batch, call));
    return failures.flat();
  };
}

async function settleBatch(receipts: readonly Receipt[], call: CallBatch): Promise<BatchFailure[]> {
  const refused: BatchFailure[] = [];
  let open = receipts;
  for (let attempt = 1; ; attempt += 1) {
    const failures = await callOnce(open, call);
    const known = failures.filter((failure) => failure !== null);
    refused.push(...known.filter(({ senderFault }) => senderFault));
    const passing = known.filter(({ senderFault }) => !senderFault);
    if (passing.length === 0 || attempt === ATTEMPTS) return [...refused, ...passing];
    // What was given, not what was sent: its handle may be a newer one by the next attempt.
    open = open.filter((_, position) => failures[position]?.senderFault === false);
    await sleep(Math.random() * BACKOFF_MS * 2 ** attempt);
  }
}

/**
 * Failures by position, null where there is none. Ids are positions too: a message may stand in one
 * batch twice, and a message id may be anything.
 */
async function callOnce(
  receipts: readonly Receipt[],
  call: CallBatch,
): Promise<(BatchFailure | null)[]> {
  // Handles are read here and not when the batch was queued: SQS takes old ones, and does nothing.
  const sent = receipts.map((receipt) => ({ ...receipt }));
  const entries = sent.map(({ receiptHandle }, position) => ({
    Id: String(position),
    ReceiptHandle: receiptHandle,
  }));
  try {
    const answer = await call(entries);
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
