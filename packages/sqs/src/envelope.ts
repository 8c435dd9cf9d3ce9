/** A message as SQS sent it -> the envelope the rest of the system works with. */

import { getFips, hash } from "node:crypto";

import type { Message, MessageSystemAttributeName } from "@aws-sdk/client-sqs";

import type { Envelope } from "./queue.ts";

/** What a poll asks for about each message, beside its body. */
export const systemAttributeNames: MessageSystemAttributeName[] = [
  "SentTimestamp",
  "ApproximateReceiveCount",
  "MessageGroupId",
  "AWSTraceHeader",
];

/**
 * The attributes by which the extended client marks a body that is only a pointer to S3: its
 * current name and its former one. Only these are asked for.
 */
export const extendedClientAttributeNames: string[] = [
  "ExtendedPayloadSize",
  "SQSLargePayloadSize",
];

/** Null for a message that cannot be trusted: damaged in transit, or without id, handle or date. */
export function toEnvelope(
  message: Message | null,
  { receivedAtMs, isFifo }: { receivedAtMs: number; isFifo: boolean },
): Envelope | null {
  const { MessageId: messageId, ReceiptHandle: receiptHandle, Body: body } = message ?? {};
  if (typeof messageId !== "string" || typeof receiptHandle !== "string") return null;
  if (!message || typeof body !== "string" || isDamaged(body, message.MD5OfBody)) return null;

  const attributes = message.Attributes ?? {};
  const sentAtMs = Number(attributes.SentTimestamp ?? Number.NaN);
  if (!Number.isSafeInteger(sentAtMs)) return null;

  return {
    messageId,
    receiptHandle,
    body,
    bytes: Buffer.byteLength(body),
    sentAtMs,
    receiveCount: Number(attributes.ApproximateReceiveCount ?? 1),
    // A standard queue may have groups as well (fair queues), but they promise no order.
    groupId: (isFifo && attributes.MessageGroupId) || null,
    traceHeader: attributes.AWSTraceHeader ?? null,
    attributeNames: Object.keys(message.MessageAttributes ?? {}),
    receivedAtMs,
  };
}

/** An OpenSSL in FIPS mode offers no MD5; TLS alone then vouches for what arrives, as with the SDK. */
const knowsMd5 = getFips() === 0;

function isDamaged(body: string, md5: string | undefined): boolean {
  return knowsMd5 && hash("md5", body) !== md5;
}
