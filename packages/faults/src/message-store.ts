/** What an SQS queue does with messages, without the wire: order, groups, leases, receipt handles, redrive, counts. */
import { createUnseenMessages, type StoredMessage } from "./unseen-messages.ts";

export type { StoredMessage } from "./unseen-messages.ts";

export interface StoreSettings {
  readonly visibilityTimeoutSeconds: number;
  /** A message that was received so often goes to the dead-letter queue in place of being received again. */
  readonly maxReceiveCount: number;
}

export interface StoreOptions<Content> extends StoreSettings {
  /** Whichever stores have the same name give their messages the same ids. */
  readonly name: string;
  /** SQS refuses to extend a lease past 12 hours from its receipt. */
  readonly leaseLimitSeconds?: number;
  /** Makes this a FIFO queue: a group is blocked while one of its messages is in flight. */
  readonly groupOf?: (content: Content) => string | undefined;
  readonly onDeadLetter?: (message: StoredMessage<Content>) => void;
}

export interface ReceivedMessage<Content> extends StoredMessage<Content> {
  readonly handle: string;
}

/** A fault code, or null for success: what SQS says about one receipt handle. */
export type Verdict = "ReceiptHandleIsInvalid" | "InvalidParameterValue" | null;

export interface Counts {
  /** Sent so far. */
  readonly sent: number;
  readonly visible: number;
  readonly inFlight: number;
  readonly deleted: number;
  /** Receives of messages that had been received before. */
  readonly redelivered: number;
  /** Received as often as the redrive policy allows, and shown again. */
  readonly deadLettered: number;
}

/** Times are monotonic and the caller's: the store has no clock, so that a test has one. */
export interface MessageStore<Content> {
  /**
   * Sends `count` messages that go round these contents, and returns the id of the first. The n-th
   * that is sent has the n-th id of {@link messageIds}. A million cost nothing.
   */
  readonly send: (contents: readonly Content[], count?: number) => string;
  /** Up to `most` messages, now hidden for the visibility timeout, or left visible as well. */
  readonly receive: (
    most: number,
    nowMs: number,
    leaveVisible?: boolean,
  ) => ReceivedMessage<Content>[];
  /** A late or superseded handle: standard queues say yes and do nothing, FIFO queues refuse. */
  readonly remove: (handle: string) => Verdict;
  /** Hides the message for so long from now; 0 shows it again. */
  readonly changeVisibility: (handle: string, seconds: number, nowMs: number) => Verdict;
  /** Shows messages again whose time is up. */
  readonly expire: (nowMs: number) => void;
  /** The id behind a handle whose message is still in the queue. */
  readonly messageIdOf: (handle: string) => string | null;
  /** In flight or not, without touching them. */
  readonly messageIds: () => string[];
  /** Takes every message out. */
  readonly drain: () => Content[];
  /** Takes a message of another store in, under its id. */
  readonly accept: (message: StoredMessage<Content>) => void;
  readonly counts: () => Counts;
}

export function createMessageStore<Content>(options: StoreOptions<Content>): MessageStore<Content> {
  const { visibilityTimeoutSeconds, maxReceiveCount, groupOf, onDeadLetter } = options;
  const leaseLimitMs = (options.leaseLimitSeconds ?? Infinity) * 1000;
  const unseen = createUnseenMessages<Content>(options.name);
  const visible = new Map<string, StoredMessage<Content>>();
  const inFlight = new Map<string, StoredMessage<Content>>();
  let deleted = 0;
  let redelivered = 0;
  let deadLettered = 0;

  const deadLetter = (message: StoredMessage<Content>): boolean => {
    if (message.receiveCount < maxReceiveCount) return false;
    visible.delete(message.id);
    deadLettered += 1;
    onDeadLetter?.(message);
    return true;
  };

  /** Messages that were shown again come first, so that memory holds no more than what is in flight. */
  const chooseStandard = (most: number): StoredMessage<Content>[] => {
    const chosen: StoredMessage<Content>[] = [];
    for (const message of visible.values()) {
      if (chosen.length === most) return chosen;
      if (!deadLetter(message)) chosen.push(message);
    }
    for (const message of unseen.take(most - chosen.length)) chosen.push(message);
    return chosen;
  };

  const chooseFifo = (most: number): StoredMessage<Content>[] => {
    for (const message of unseen.take(Infinity)) visible.set(message.id, message);
    const blocked = new Set([...inFlight.values()].map(({ content }) => groupOf?.(content)));
    const chosen: StoredMessage<Content>[] = [];
    for (const message of [...visible.values()].toSorted((a, b) => a.position - b.position)) {
      if (chosen.length === most) break;
      if (!blocked.has(groupOf?.(message.content)) && !deadLetter(message)) chosen.push(message);
    }
    return chosen;
  };

  const show = (message: StoredMessage<Content>): void => {
    inFlight.delete(message.id);
    visible.set(message.id, message);
  };

  const handOut = (
    message: StoredMessage<Content>,
    nowMs: number,
    leaveVisible: boolean,
  ): ReceivedMessage<Content> => {
    if (message.receiveCount > 0) redelivered += 1;
    message.receiveCount += 1;
    message.receivedAtMs = nowMs;
    if (leaveVisible) {
      visible.set(message.id, message);
    } else {
      message.hiddenUntilMs = nowMs + visibilityTimeoutSeconds * 1000;
      visible.delete(message.id);
      inFlight.set(message.id, message);
    }
    return { ...message, handle: `${message.id}/${message.receiveCount}` };
  };

  /** What stands behind a handle: null where it is none of ours, no message where it was deleted. */
  const find = (handle: string): Found<Content> | null => {
    const at = handle.indexOf("/");
    if (at < 0) return null;
    const id = handle.slice(0, at);
    const message = inFlight.get(id) ?? visible.get(id) ?? null;
    return { message, isNewest: message?.receiveCount === Number(handle.slice(at + 1)) };
  };

  return {
    send: (contents, count = contents.length) => unseen.send(contents, count),
    receive(most, nowMs, leaveVisible = false) {
      const chosen = groupOf ? chooseFifo(most) : chooseStandard(most);
      return chosen.map((message) => handOut(message, nowMs, leaveVisible));
    },
    remove(handle) {
      const found = find(handle);
      if (found === null) return "ReceiptHandleIsInvalid";
      const { message, isNewest } = found;
      if (message === null) return null;
      if (groupOf && !(isNewest && inFlight.has(message.id))) return "InvalidParameterValue";
      if (!isNewest) return null;
      inFlight.delete(message.id);
      visible.delete(message.id);
      deleted += 1;
      return null;
    },
    changeVisibility(handle, seconds, nowMs) {
      const found = find(handle);
      if (found === null) return "ReceiptHandleIsInvalid";
      const { message, isNewest } = found;
      if (!message || !isNewest || !inFlight.has(message.id)) return "InvalidParameterValue";
      const hiddenUntilMs = nowMs + seconds * 1000;
      if (hiddenUntilMs > message.receivedAtMs + leaseLimitMs) return "InvalidParameterValue";
      message.hiddenUntilMs = hiddenUntilMs;
      if (seconds === 0) show(message);
      return null;
    },
    expire(nowMs) {
      for (const message of inFlight.values()) if (message.hiddenUntilMs <= nowMs) show(message);
    },
    messageIdOf: (handle) => find(handle)?.message?.id ?? null,
    messageIds: () => [...inFlight.keys(), ...visible.keys(), ...unseen.ids()],
    drain() {
      const drained = [...inFlight.values(), ...visible.values(), ...unseen.take(Infinity)];
      inFlight.clear();
      visible.clear();
      return drained.map(({ content }) => content);
    },
    accept(message) {
      const position = unseen.nextPosition();
      visible.set(message.id, { ...message, position, hiddenUntilMs: 0 });
    },
    counts: () => ({
      sent: unseen.sent(),
      visible: unseen.count() + visible.size,
      inFlight: inFlight.size,
      deleted,
      redelivered,
      deadLettered,
    }),
  };
}

interface Found<Content> {
  readonly message: StoredMessage<Content> | null;
  readonly isNewest: boolean;
}
