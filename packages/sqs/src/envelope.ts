/** A message as SQS sent it -> the envelope the rest of the system works with. */

import { getFips, hash } from "node:crypto";

import type { Message, MessageSystemAttributeName } from "@aws-sdk/client-sqs";

import type { Damage, Envelope } from "./queue.ts";

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

/** What is known of the receive that brought a message. */
export interface ReceiveContext {
  readonly receivedAtMs: number;
  readonly isFifo: boolean;
  /** What a SentTimestamp may be. */
  readonly sentMs: { readonly min: number; readonly max: number };
}

const dayMs = 86_400_000;

/**
 * The dates that a message may bear: a day ahead at most, and no older than a queue keeps it. By
 * the local clock and by the server's: one of the two may be wrong.
 */
export function possibleDates(
  clocksMs: readonly number[],
  maxAgeMs: number | undefined,
): ReceiveContext["sentMs"] {
  const min = maxAgeMs === undefined ? 1 : Math.min(...clocksMs) - maxAgeMs;
  return { min, max: Math.max(...clocksMs) + dayMs };
}

/** A message that cannot be trusted comes to the name of its damage. */
export function toEnvelope(
  message: Message | null,
  { receivedAtMs, isFifo, sentMs }: ReceiveContext,
): Envelope | Damage {
  const { MessageId: messageId, ReceiptHandle: receiptHandle, Body: body } = message ?? {};
  if (!message || typeof messageId !== "string") return "id_missing";
  if (typeof receiptHandle !== "string") return "handle_missing";
  if (typeof body !== "string") return "body_missing";
  const md5Damage = knowsMd5 ? damageByMd5(body, message.MD5OfBody) : null;
  if (md5Damage) return md5Damage;

  const attributes = message.Attributes ?? {};
  if (attributes.SentTimestamp === undefined) return "date_missing";
  const sentAtMs = Number(attributes.SentTimestamp);
  const isPossible = sentAtMs >= sentMs.min && sentAtMs <= sentMs.max;
  if (!isPossible || !Number.isSafeInteger(sentAtMs)) return "date_impossible";

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

function damageByMd5(body: string, md5: string | undefined): Damage | null {
  if (typeof md5 !== "string") return "md5_missing";
  return hash("md5", body) === md5 ? null : "md5_wrong";
}
