/** A queue in memory that keeps to SQS's documented semantics, also where emulators are kinder. */
import { hash, randomUUID } from "node:crypto";
import type { Message, MessageAttributeValue } from "@aws-sdk/client-sqs";
import { createMessageStore, type MessageStore, type ReceivedMessage } from "./message-store.ts";

export interface HostileQueueOptions {
  readonly name: string;
  readonly visibilityTimeoutSeconds: number;
  readonly retentionSeconds: number;
  /** Where a message goes once it was received `maxReceiveCount` times. It keeps its id. */
  readonly redrive: { readonly to: HostileQueue; readonly maxReceiveCount: number } | null;
  /** SQS refuses to extend a lease past 12 hours from its receipt; tests may not have that long. */
  readonly leaseLimitSeconds: number;
}

interface Sent {
  readonly body: string;
  readonly groupId?: string | undefined;
  readonly traceHeader?: string | undefined;
  readonly attributes?: Record<string, MessageAttributeValue> | undefined;
}

export interface HostileQueue {
  readonly options: HostileQueueOptions;
  readonly isFifo: boolean;
  /** Its messages as they are now: leases that are over have ended. */
  readonly store: () => MessageStore<Sent>;
}

export function createHostileQueue(options: HostileQueueOptions): HostileQueue {
  const { visibilityTimeoutSeconds, leaseLimitSeconds, redrive } = options;
  const isFifo = options.name.endsWith(".fifo");
  const store = createMessageStore<Sent>({
    // Two servers may have a queue of one name, and one ledger behind them.
    name: randomUUID(),
    visibilityTimeoutSeconds,
    leaseLimitSeconds,
    maxReceiveCount: redrive?.maxReceiveCount ?? Infinity,
    onDeadLetter: (message) => redrive?.to.store().accept(message),
    ...(isFifo && { groupOf: ({ groupId }) => groupId }),
  });
  return {
    options,
    isFifo,
    store() {
      store.expire(performance.now());
      return store;
    },
  };
}

/** As ReceiveMessage answers it. */
export function toWire(message: ReceivedMessage<Sent>): Message {
  const { body, groupId, traceHeader, attributes } = message.content;
  return {
    MessageId: message.id,
    ReceiptHandle: message.handle,
    Body: body,
    MD5OfBody: md5(body),
    Attributes: {
      SentTimestamp: String(message.sentAtMs),
      ApproximateReceiveCount: String(message.receiveCount),
      ...(groupId !== undefined && { MessageGroupId: groupId }),
      ...(traceHeader !== undefined && { AWSTraceHeader: traceHeader }),
    },
    ...(attributes && { MessageAttributes: attributes }),
  };
}

/** As SQS states it beside a body. */
export function md5(body: string): string {
  return hash("md5", body);
}
