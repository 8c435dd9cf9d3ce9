/** Messages that nobody has received yet: a million of them are as cheap as one. */
import { messageIds } from "./message-ids.ts";

export interface StoredMessage<Content> {
  readonly id: string;
  readonly content: Content;
  readonly sentAtMs: number;
  /** Its place in the order of sending. */
  readonly position: number;
  receiveCount: number;
  /** When it was received last; monotonic, as is the next. */
  receivedAtMs: number;
  hiddenUntilMs: number;
}

export interface UnseenMessages<Content> {
  /** Adds `count` messages that go round these contents, and returns the id of the first. */
  readonly send: (contents: readonly Content[], count: number) => string;
  /** Takes up to so many out, in the order of sending. */
  readonly take: (most: number) => Generator<StoredMessage<Content>>;
  readonly ids: () => string[];
  readonly count: () => number;
  /** Sent so far, or come from elsewhere. */
  readonly sent: () => number;
  /** Gives a place in the order of sending to a message that comes from elsewhere. */
  readonly nextPosition: () => number;
}

/** `contents` in turn, from position `from` up to `until`. */
interface Sending<Content> {
  readonly contents: readonly Content[];
  readonly sentAtMs: number;
  readonly start: number;
  readonly until: number;
  from: number;
}

export function createUnseenMessages<Content>(name: string): UnseenMessages<Content> {
  const messageIdAt = messageIds(name);
  const sendings: Sending<Content>[] = [];
  let next = 0;
  let waiting = 0;

  return {
    send(contents, count) {
      const start = next;
      next += count;
      waiting += count;
      if (count > 0) {
        sendings.push({ contents, sentAtMs: Date.now(), start, from: start, until: next });
      }
      return messageIdAt(start);
    },
    *take(most) {
      for (let taken = 0; taken < most; taken += 1) {
        const sending = sendings[0];
        if (!sending) return;
        const position = sending.from;
        sending.from += 1;
        waiting -= 1;
        if (sending.from === sending.until) sendings.shift();
        yield {
          id: messageIdAt(position),
          content: sending.contents[
            (position - sending.start) % sending.contents.length
          ] as Content,
          sentAtMs: sending.sentAtMs,
          position,
          receiveCount: 0,
          receivedAtMs: 0,
          hiddenUntilMs: 0,
        };
      }
    },
    ids: () =>
      sendings.flatMap(({ from, until }) =>
        Array.from({ length: until - from }, (_, index) => messageIdAt(from + index)),
      ),
    count: () => waiting,
    sent: () => next,
    nextPosition() {
      next += 1;
      return next - 1;
    },
  };
}
