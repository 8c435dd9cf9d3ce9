/** A queue in memory that keeps to SQS's documented semantics, also where emulators are kinder. */
import { hash, randomUUID } from "node:crypto";
import type { Message, MessageAttributeValue } from "@aws-sdk/client-sqs";

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

/** A fault code, or null for success: what SQS says about one receipt handle. */
export type Verdict = "ReceiptHandleIsInvalid" | "InvalidParameterValue" | null;

export interface HostileQueue {
  readonly options: HostileQueueOptions;
  readonly fifo: boolean;
  /** Returns the new message's id. */
  send(sent: Sent): string;
  /** With `leaveVisible`, hands messages out and leaves them for the next receive as well. */
  receive(max: number, leaveVisible?: boolean): Message[];
  /** The id behind a handle whose message is still in the queue. */
  messageIdOf(handle: string): string | null;
  /** A late or superseded handle: standard queues say yes and do nothing, FIFO queues refuse. */
  remove(handle: string): Verdict;
  changeVisibility(handle: string, seconds: number): Verdict;
  depth(): { readonly visible: number; readonly inFlight: number };
  messageIds(): string[];
  /** Takes every message out, as what was sent: a redrive sends them anew, under new ids. */
  drain(): Sent[];
  accept(stored: StoredMessage): void;
}

interface StoredMessage extends Sent {
  readonly messageId: string;
  readonly sentAtMs: number;
  receiveCount: number;
  visibleAtMs: number;
  receivedAtMs: number;
}

const handlePattern = /^(?<id>[0-9a-f-]{36})\/(?<receipt>\d+)$/;

export function createHostileQueue(options: HostileQueueOptions): HostileQueue {
  const messages = new Map<string, StoredMessage>();
  const fifo = options.name.endsWith(".fifo");
  const isVisible = (message: StoredMessage): boolean => message.visibleAtMs <= performance.now();

  const find = (handle: string): { message: StoredMessage | null; current: boolean } | null => {
    const { id, receipt } = handlePattern.exec(handle)?.groups ?? {};
    if (id === undefined) return null;
    const message = messages.get(id) ?? null;
    return { message, current: message?.receiveCount === Number(receipt) };
  };

  const deadLetter = (message: StoredMessage): boolean => {
    const { redrive } = options;
    if (redrive === null || message.receiveCount < redrive.maxReceiveCount) return false;
    messages.delete(message.messageId);
    redrive.to.accept(message);
    return true;
  };

  /** On FIFO queues a group is blocked while one of its messages is in flight. */
  const available = (max: number): StoredMessage[] => {
    const chosen: StoredMessage[] = [];
    const blocked = new Set<string | undefined>();
    for (const message of messages.values()) {
      if (chosen.length === max) break;
      const free = isVisible(message) && !(fifo && blocked.has(message.groupId));
      if (!free) blocked.add(message.groupId);
      else if (!deadLetter(message)) chosen.push(message);
    }
    return chosen;
  };

  const handOut = (message: StoredMessage, leaveVisible: boolean): Message => {
    message.receiveCount += 1;
    message.receivedAtMs = performance.now();
    if (!leaveVisible) {
      message.visibleAtMs = message.receivedAtMs + options.visibilityTimeoutSeconds * 1000;
    }
    return toWire(message);
  };

  return {
    options,
    fifo,
    send(sent) {
      const messageId = randomUUID();
      messages.set(messageId, {
        ...sent,
        messageId,
        sentAtMs: Date.now(),
        receiveCount: 0,
        visibleAtMs: 0,
        receivedAtMs: 0,
      });
      return messageId;
    },
    receive: (max, leaveVisible = false) =>
      available(max).map((message) => handOut(message, leaveVisible)),
    messageIdOf: (handle) => find(handle)?.message?.messageId ?? null,
    remove(handle) {
      const found = find(handle);
      if (found === null) return "ReceiptHandleIsInvalid";
      const { message, current } = found;
      if (message === null) return null;
      if (fifo && (!current || isVisible(message))) return "InvalidParameterValue";
      if (current) messages.delete(message.messageId);
      return null;
    },
    changeVisibility(handle, seconds) {
      const found = find(handle);
      if (found === null) return "ReceiptHandleIsInvalid";
      const { message, current } = found;
      if (message === null || !current || isVisible(message)) return "InvalidParameterValue";
      const visibleAtMs = performance.now() + seconds * 1000;
      const limitMs = message.receivedAtMs + options.leaseLimitSeconds * 1000;
      if (visibleAtMs > limitMs) return "InvalidParameterValue";
      message.visibleAtMs = visibleAtMs;
      return null;
    },
    depth() {
      const visible = [...messages.values()].filter(isVisible).length;
      return { visible, inFlight: messages.size - visible };
    },
    messageIds: () => [...messages.keys()],
    drain() {
      const drained = [...messages.values()];
      messages.clear();
      return drained.map(({ body, groupId, traceHeader, attributes }) => ({
        body,
        groupId,
        traceHeader,
        attributes,
      }));
    },
    accept(stored) {
      messages.set(stored.messageId, { ...stored, visibleAtMs: 0 });
    },
  };
}

function toWire(message: StoredMessage): Message {
  const { messageId, body, groupId, traceHeader, attributes, receiveCount, sentAtMs } = message;
  return {
    MessageId: messageId,
    ReceiptHandle: `${messageId}/${receiveCount}`,
    Body: body,
    MD5OfBody: md5(body),
    Attributes: {
      SentTimestamp: String(sentAtMs),
      ApproximateReceiveCount: String(receiveCount),
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
