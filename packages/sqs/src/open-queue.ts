/** Opens a queue: where it is, by whose credentials, over which transport. */

import type { QueueAttributeName, SQSClientConfig } from "@aws-sdk/client-sqs";

import { createReadAttributes } from "./attributes.ts";
import { createBatchCall, type SendBatch } from "./batch-calls.ts";
import {
  extendedClientAttributeNames,
  possibleDates,
  systemAttributeNames,
  toEnvelope,
} from "./envelope.ts";
import { openLeanTransport } from "./lean-transport.ts";
import { QueueError } from "./queue-error.ts";
import type { Damage, Envelope, Queue } from "./queue.ts";
import { createClient } from "./sdk-clients.ts";
import { toQueueError } from "./sdk-fault.ts";
import { openSdkTransport } from "./sdk-transport.ts";
import { resolveTarget, type Target } from "./target.ts";
import type { Timeouts } from "./transport.ts";

export interface QueueOptions {
  readonly queueUrl: string;
  /** For queue URLs whose host names no region; else the SDK's (`AWS_REGION`, the profile). */
  readonly region?: string;
  /** Else the SDK's (`AWS_ENDPOINT_URL_SQS`), else the queue URL's own origin. */
  readonly endpoint?: string;
  /** Else the SDK's own credential chain. */
  readonly credentials?: NonNullable<SQSClientConfig["credentials"]>;
  /** Both behave alike; `lean` takes a fraction of the CPU. */
  readonly transport?: "sdk" | "lean";
  readonly timeouts?: Partial<Timeouts>;
}

/** A silent socket ends a 20 s poll after 28 s, and any other call after 5 s. */
const defaultTimeouts: Timeouts = { pollMarginMs: 8_000, callMs: 5_000 };

const CONTROL_ATTEMPTS = 3;
const CONTROL_SOCKETS = 2;

/** A delete that fails for good makes a redelivery; a renewal is asked for again while its lease lasts. */
const DELETE_ATTEMPTS = 5;
const VISIBILITY_ATTEMPTS = 3;

/**
 * Opens an SQS queue. No call is made before the first one asked for.
 *
 * @throws TypeError if `queueUrl` is not a URL.
 * @example
 * await using queue = openQueue({ queueUrl: "https://sqs.eu-west-1.amazonaws.com/123456789012/logins" });
 * const { envelopes } = await queue.receive({ maxMessages: 10, waitSeconds: 20 });
 * const failures = await queue.delete(envelopes);
 */
export function openQueue(options: QueueOptions): Queue {
  const { queueUrl } = options;
  if (!URL.canParse(queueUrl)) throw new TypeError("queueUrl is not a URL");

  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  let resolved: Promise<Target> | undefined;
  const target = (): Promise<Target> => (resolved ??= resolveTarget(options));
  const control = createClient({
    target,
    timeouts,
    credentials: options.credentials,
    maxAttempts: CONTROL_ATTEMPTS,
    maxSockets: CONTROL_SOCKETS,
    silenceMs: timeouts.callMs,
  });
  const readAttributes = createReadAttributes(control, queueUrl);
  const { credentials } = control.config;
  const transport =
    options.transport === "sdk"
      ? openSdkTransport({ target, credentials, timeouts })
      : openLeanTransport({ target, credentials, timeouts });
  const callDelete = createBatchCall(DELETE_ATTEMPTS);
  const callVisibility = createBatchCall(VISIBILITY_ATTEMPTS);
  // The name of a FIFO queue, and of no other, ends so (API_CreateQueue).
  const isFifo = queueUrl.endsWith(".fifo");

  let closed = false;
  const assertOpen = (): void => {
    if (closed) throw new QueueError("closed");
  };
  const sendDeletes: SendBatch = async (entries) => {
    assertOpen();
    return transport.deleteMessageBatch({ QueueUrl: queueUrl, Entries: entries });
  };

  return {
    target,

    async attributes() {
      assertOpen();
      return readAttributes().catch((error: unknown) => {
        throw toQueueError(error);
      });
    },

    async receive({ maxMessages, waitSeconds, signal, maxAgeMs }) {
      assertOpen();
      const receivedAtMs = performance.now();
      const request = {
        QueueUrl: queueUrl,
        MaxNumberOfMessages: maxMessages,
        WaitTimeSeconds: waitSeconds,
        // By today's name and by the former one, all that some servers know; the SDK's type of that one is a queue's.
        MessageSystemAttributeNames: systemAttributeNames,
        AttributeNames: systemAttributeNames as QueueAttributeName[],
        MessageAttributeNames: extendedClientAttributeNames,
      };
      const timeoutMs = waitSeconds * 1000 + timeouts.pollMarginMs;
      const polling = transport.receiveMessage(request, { timeoutMs, signal });
      const { Messages } = await polling.catch((error: unknown) => {
        if (closed) throw new QueueError("closed");
        throw signal?.aborted === true ? new QueueError("aborted") : error;
      });
      const messages: unknown = Messages ?? [];
      if (!Array.isArray(messages)) throw new QueueError("malformed_response");
      const sentMs = possibleDates([Date.now(), transport.serverNowMs()], maxAgeMs);
      const envelopes: Envelope[] = [];
      const damaged: Damage[] = [];
      for (const message of messages) {
        const received = toEnvelope(message, { receivedAtMs, isFifo, sentMs });
        if (typeof received === "string") damaged.push(received);
        else envelopes.push(received);
      }
      return { envelopes, damaged };
    },

    async delete(receipts, batchOptions) {
      return callDelete(receipts, sendDeletes, batchOptions);
    },

    async changeVisibility(receipts, seconds) {
      return callVisibility(receipts, async (entries) => {
        assertOpen();
        return transport.changeMessageVisibilityBatch({
          QueueUrl: queueUrl,
          Entries: entries.map((entry) => ({ ...entry, VisibilityTimeout: seconds })),
        });
      });
    },

    async [Symbol.asyncDispose]() {
      if (closed) return;
      closed = true;
      control.destroy();
      await transport.close();
    },
  };
}
