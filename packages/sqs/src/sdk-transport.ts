/** The reference transport: the AWS SDK. */

import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";

import { BATCH_CONCURRENCY } from "./batch-calls.ts";
import { createClient } from "./sdk-clients.ts";
import { toQueueError } from "./sdk-fault.ts";
import type { Target } from "./target.ts";
import { LONGEST_WAIT_MS, type Timeouts, type Transport } from "./transport.ts";

export interface TransportOptions {
  readonly target: () => Promise<Target>;
  readonly credentials: SQSClient["config"]["credentials"];
  readonly timeouts: Timeouts;
}

export function openSdkTransport({ target, credentials, timeouts }: TransportOptions): Transport {
  // One attempt everywhere: polls are backed off by their caller, batches are retried by entry.
  const shared = { target, credentials, timeouts, maxAttempts: 1 };
  const polls = createClient({
    ...shared,
    maxSockets: Infinity,
    // One timer covers the poll's wait and a pause in its body alike, so it has to be the longer.
    silenceMs: LONGEST_WAIT_MS + timeouts.pollMarginMs,
  });
  const batch = { ...shared, maxSockets: BATCH_CONCURRENCY, silenceMs: timeouts.callMs };
  const deletes = createClient(batch);
  const renewals = createClient(batch);

  return {
    async receiveMessage(request, { timeoutMs, signal }) {
      const options = { requestTimeout: timeoutMs, ...(signal && { abortSignal: signal }) };
      return polls.send(new ReceiveMessageCommand(request), options).catch(rethrow);
    },
    async deleteMessageBatch(request) {
      return deletes.send(new DeleteMessageBatchCommand(request)).catch(rethrow);
    },
    async changeMessageVisibilityBatch(request) {
      return renewals.send(new ChangeMessageVisibilityBatchCommand(request)).catch(rethrow);
    },
    serverNowMs: () => Date.now() + polls.config.systemClockOffset,
    async close() {
      polls.destroy();
      deletes.destroy();
      renewals.destroy();
    },
  };
}

function rethrow(error: unknown): never {
  throw toQueueError(error);
}
