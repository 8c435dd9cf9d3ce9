/** What a standard SQS queue does with messages, without the wire: visibility, receipt handles, deletes, counts. */
import { hash } from "node:crypto";
import { messageIds } from "./message-ids.ts";

/** What SQS takes for `ApproximateReceiveCount`, handles and leases is kept by message, once one was received. */
interface Message {
  readonly id: string;
  /** Everything of a received message but its handle and its receive count, as JSON. */
  readonly prefix: string;
  receiveCount: number;
  /** Monotonic; 0 while visible. */
  hiddenUntilMs: number;
}

export interface Counts {
  /** Sent so far. */
  readonly sent: number;
  readonly visible: number;
  readonly inFlight: number;
  readonly deleted: number;
  /** Receives of messages that had been received before. */
  readonly redelivered: number;
  /** Received as often as the redrive policy allows, and shown again: gone to the dead-letter queue. */
  readonly deadLettered: number;
}

export interface QueueSettings {
  readonly visibilityTimeoutSeconds: number;
  readonly maxReceiveCount: number;
}

export interface MessageStore {
  /** Sends `count` messages that go round these bodies. In the order they are received, the n-th is body n and has {@link messageIds} n; a million cost nothing. */
  send(bodies: readonly string[], count: number): void;
  /** Up to `most` messages as JSON, now hidden for the visibility timeout. */
  receive(most: number, nowMs: number): string[];
  /** True for every handle of ours; as in SQS, only the newest one of a message removes it. */
  delete(handle: string): void;
  /** Hides the message for so long from now; 0 shows it again. False for a handle that is not the newest. */
  changeVisibility(handle: string, seconds: number, nowMs: number): boolean;
  /** Shows messages again whose time is up. */
  expire(nowMs: number): void;
  counts(): Counts;
}

interface Sending {
  readonly prefixes: readonly string[];
  readonly count: number;
  taken: number;
}

export function createMessageStore(
  name: string,
  { visibilityTimeoutSeconds, maxReceiveCount }: QueueSettings,
): MessageStore {
  const messageIdAt = messageIds(name);
  const sendings: Sending[] = [];
  const shownAgain: Message[] = [];
  const inFlight = new Map<string, Message>();
  let sent = 0;
  let unseen = 0;
  let deleted = 0;
  let redelivered = 0;
  let deadLettered = 0;

  function takeUnseen(): Message | null {
    const sending = sendings[0];
    if (!sending) return null;
    const id = messageIdAt(sent - unseen);
    const prefix = sending.prefixes[sending.taken % sending.prefixes.length] ?? "";
    sending.taken += 1;
    unseen -= 1;
    if (sending.taken === sending.count) sendings.shift();
    return { id, prefix, receiveCount: 0, hiddenUntilMs: 0 };
  }

  function takeShownAgain(): Message | null {
    for (;;) {
      const message = shownAgain.shift();
      if (!message) return null;
      if (message.receiveCount < maxReceiveCount) return message;
      deadLettered += 1;
    }
  }

  function hold(message: Message, nowMs: number): string {
    if (message.receiveCount > 0) redelivered += 1;
    message.receiveCount += 1;
    message.hiddenUntilMs = nowMs + visibilityTimeoutSeconds * 1000;
    inFlight.set(message.id, message);
    return `{"MessageId":"${message.id}","ReceiptHandle":"${handleOf(message)}","Attributes":{"ApproximateReceiveCount":"${message.receiveCount}",${message.prefix}`;
  }

  /** Null where the handle is not the newest of a message that is still there. */
  function find(handle: string): Message | null {
    const message = inFlight.get(handle.slice(0, handle.indexOf("#")));
    return message && handleOf(message) === handle ? message : null;
  }

  function show(message: Message): void {
    inFlight.delete(message.id);
    shownAgain.push(message);
  }

  return {
    send(bodies, count) {
      if (count === 0) return;
      const sentTimestamp = Date.now();
      const prefixes = bodies.map(
        (body) =>
          `"SentTimestamp":"${sentTimestamp}"},"MD5OfBody":"${hash("md5", body)}","Body":${JSON.stringify(body)}}`,
      );
      sendings.push({ prefixes, count, taken: 0 });
      sent += count;
      unseen += count;
    },
    receive(most, nowMs) {
      const messages: string[] = [];
      while (messages.length < most) {
        const message = takeShownAgain() ?? takeUnseen();
        if (!message) break;
        messages.push(hold(message, nowMs));
      }
      return messages;
    },
    delete(handle) {
      const message = find(handle);
      if (!message) return;
      inFlight.delete(message.id);
      deleted += 1;
    },
    changeVisibility(handle, seconds, nowMs) {
      const message = find(handle);
      if (!message) return false;
      if (seconds === 0) show(message);
      else message.hiddenUntilMs = nowMs + seconds * 1000;
      return true;
    },
    expire(nowMs) {
      for (const message of inFlight.values()) if (message.hiddenUntilMs <= nowMs) show(message);
    },
    counts: () => ({
      sent,
      visible: unseen + shownAgain.length,
      inFlight: inFlight.size,
      deleted,
      redelivered,
      deadLettered,
    }),
  };
}

function handleOf(message: Message): string {
  return `${message.id}#${message.receiveCount}`;
}
