/** What AWS Lambda hands to a function for a queue: the same messages, in other words. */

import type { Message } from "@aws-sdk/client-sqs";

import { extendedClientAttributeNames, possibleDates, toEnvelope } from "./envelope.ts";
import type { Damage, Envelope } from "./queue.ts";

export { damageKinds } from "./queue.ts";

/** A message of the event that cannot be trusted. */
export interface DamagedRecord extends Pick<Envelope, "messageId" | "groupId"> {
  readonly damage: Damage;
}

/** A message of the event. */
export type EventRecord = Envelope | DamagedRecord;

/** SQS's longest retention, and a day for clocks that differ: the function does not know the queue's own. */
const maxAgeMs = 15 * 86_400_000;

/**
 * Reads an event of an SQS event source (AWS Lambda's "Example SQS message event").
 *
 * @returns its messages in the event's order; null where it is no such event, or one of its messages
 *   has no id: such a message cannot be reported as failed.
 */
export function readLambdaEvent(event: unknown): EventRecord[] | null {
  const records: unknown = property(event, "Records");
  if (!Array.isArray(records) || records.length === 0) return null;
  const receivedAtMs = performance.now();
  const sentMs = possibleDates([Date.now()], maxAgeMs);
  const read: EventRecord[] = [];
  for (const record of records as unknown[]) {
    const messageId = property(record, "messageId");
    if (property(record, "eventSource") !== "aws:sqs") return null;
    if (typeof messageId !== "string" || messageId === "") return null;
    const isFifo = String(property(record, "eventSourceARN")).endsWith(".fifo");
    const result = toEnvelope(toMessage(record), { receivedAtMs, isFifo, sentMs });
    const damaged = typeof result === "string";
    read.push(
      damaged ? { messageId, groupId: isFifo ? groupOf(record) : null, damage: result } : result,
    );
  }
  return read;
}

/** The names that a record has begin with a small letter, its attributes' names do not. */
function toMessage(record: unknown): Message {
  const attributes = Object(property(record, "messageAttributes")) as Message["MessageAttributes"];
  const asked = Object.entries(attributes ?? {}).filter(([name]) =>
    extendedClientAttributeNames.includes(name),
  );
  return {
    MessageId: property(record, "messageId"),
    ReceiptHandle: property(record, "receiptHandle"),
    Body: property(record, "body"),
    MD5OfBody: property(record, "md5OfBody"),
    Attributes: property(record, "attributes"),
    MessageAttributes: Object.fromEntries(asked),
  } as Message;
}

function groupOf(record: unknown): string | null {
  const groupId = property(property(record, "attributes"), "MessageGroupId");
  return typeof groupId === "string" ? groupId : null;
}

function property(value: unknown, name: string): unknown {
  return (Object(value) as Readonly<Record<string, unknown>>)[name];
}
