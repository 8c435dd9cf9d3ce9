/** The bounded room between pollers and writes: it forms batches, and no poll starts without room for what it may bring. */
import type { Held } from "./model.ts";
import { createPace } from "./pace.ts";

/** ReceiveMessage returns at most ten messages (SQS quotas). */
export const mostPerReceive = 10;

/** What a body is taken to weigh before any has been seen; SQS allows 1 MiB. */
const firstGuessBytes = 64 * 1024;

/** Of the bodies in a batch: while it is written it is in memory several times, sealed and encoded. */
const mostBatchBytes = 4 * 1024 * 1024;

export interface BufferLimits {
  /** Messages in hand at once, from before their receive to after their delete. */
  readonly maxMessages: number;
  /** Of bodies. Polls in flight when bodies grow larger than any seen lately exceed it, up to twice. */
  readonly maxBytes: number;
  readonly batchSize: number;
  readonly batchAgeMs: number;
}

export interface Reservation {
  /** Exchanges reserved room for the messages that really came; false where their bodies find none. */
  readonly exchange: (messages: readonly Held[]) => boolean;
}

export interface Buffer {
  readonly waiting: number;
  readonly inHand: number;
  /** Waits until there is room for one full receive, and the writes will want it; null once closed or aborted. */
  readonly reserve: (signal: AbortSignal) => Promise<Reservation | null>;
  /** Frees the room of messages that are acknowledged. */
  readonly release: (messages: readonly Held[]) => void;
  /** Takes waiting messages out, so that they are not carried. */
  readonly withdraw: (unwanted: (message: Held) => boolean) => Held[];
  /** Yields a batch when it is full, old enough, or nothing more can arrive; ends when closed and empty. */
  readonly batches: () => AsyncGenerator<readonly Held[], void, undefined>;
  /** Nothing more will be received. */
  readonly close: () => void;
}

export function createBuffer(limits: BufferLimits): Buffer {
  let waiting: Held[] = [];
  let bytesWaiting = 0;
  let oldestSinceMs = 0;
  let reserved = 0;
  let inHand = 0;
  let bytesInHand = 0;
  let typicalBytes = firstGuessBytes;
  let closed = false;
  const pace = createPace();
  const changed = createCondition();

  /**
   * What waits, or comes with polls in flight, is at most what keeps the writes busy: two batches, and
   * twice what they write in a round trip. More would only be held and renewed.
   */
  function isWanted(): boolean {
    return waiting.length + reserved < 2 * limits.batchSize + 2 * pace.inRoundTrip();
  }

  function hasRoom(): boolean {
    const nothingElse = inHand + reserved === 0;
    return (
      inHand + reserved + mostPerReceive <= limits.maxMessages &&
      // One receive is always let in, or a bound below ten large bodies would stop everything.
      (nothingElse || bytesInHand + (reserved + mostPerReceive) * typicalBytes <= limits.maxBytes)
    );
  }

  /** Nobody knew what the polls in flight would bring; all of it could be several times the bound. */
  function takes(messages: readonly Held[]): boolean {
    const bytes = bytesOf(messages);
    if (inHand > 0 && bytesInHand + bytes > 2 * limits.maxBytes) return false;
    inHand += messages.length;
    bytesInHand += bytes;
    bytesWaiting += bytes;
    if (waiting.length === 0) oldestSinceMs = performance.now();
    waiting.push(...messages);
    return true;
  }

  /** Milliseconds until the waiting messages make a batch; 0 is now, null is not before something changes. */
  function batchDueInMs(): number | null {
    if (waiting.length === 0) return null;
    const nothingMoreCanArrive = closed || (reserved === 0 && !hasRoom());
    const isFull = waiting.length >= limits.batchSize || bytesWaiting >= mostBatchBytes;
    if (nothingMoreCanArrive || isFull) return 0;
    return Math.max(0, oldestSinceMs + limits.batchAgeMs - performance.now());
  }

  function takeBatch(): Held[] {
    let bytes = 0;
    const end = waiting.findIndex(({ envelope }, at) => {
      bytes += envelope.bytes;
      return at === limits.batchSize || (at > 0 && bytes > mostBatchBytes);
    });
    const batch = waiting.splice(0, end === -1 ? waiting.length : end);
    bytesWaiting -= bytesOf(batch);
    changed.notify();
    return batch;
  }

  function learnSize(messages: readonly Held[]): void {
    const largest = Math.max(...messages.map(({ envelope }) => envelope.bytes));
    // Grows at once, also for the polls in flight; shrinks so slowly that a few small bodies among
    // large ones do not invite a flood of them: to a fifth in 160 answers.
    typicalBytes = largest > typicalBytes ? largest : typicalBytes * 0.99 + largest * 0.01;
  }

  return {
    get waiting() {
      return waiting.length;
    },
    get inHand() {
      return inHand;
    },
    async reserve(signal) {
      const isOver = (): boolean => closed || signal.aborted;
      while (!isOver() && !(hasRoom() && isWanted())) await changed.wait(null, signal);
      if (isOver()) return null;
      reserved += mostPerReceive;
      const reservedAtMs = performance.now();
      return {
        exchange(messages) {
          reserved -= mostPerReceive;
          // One that is not full may have waited for messages.
          if (messages.length === mostPerReceive) pace.received(performance.now() - reservedAtMs);
          if (messages.length > 0) learnSize(messages);
          const areIn = messages.length === 0 || takes(messages);
          changed.notify();
          return areIn;
        },
      };
    },
    release(messages) {
      inHand -= messages.length;
      bytesInHand -= bytesOf(messages);
      pace.passed(messages.length);
      changed.notify();
    },
    withdraw(unwanted) {
      const withdrawn = waiting.filter(unwanted);
      waiting = waiting.filter((message) => !unwanted(message));
      bytesWaiting -= bytesOf(withdrawn);
      changed.notify();
      return withdrawn;
    },
    async *batches() {
      for (;;) {
        const dueInMs = batchDueInMs();
        if (dueInMs === 0) {
          const batch = takeBatch();
          oldestSinceMs = performance.now();
          yield batch;
        } else if (dueInMs === null && closed) {
          return;
        } else {
          await changed.wait(dueInMs);
        }
      }
    },
    close() {
      closed = true;
      changed.notify();
    },
  };
}

function bytesOf(messages: readonly Held[]): number {
  let bytes = 0;
  for (const { envelope } of messages) bytes += envelope.bytes;
  return bytes;
}

interface Condition {
  readonly notify: () => void;
  readonly wait: (timeoutMs: number | null, signal?: AbortSignal) => Promise<void>;
}

/** Wakes every waiter; a waiter then asks again for what it waited for. */
function createCondition(): Condition {
  const waiters = new Set<() => void>();
  return {
    notify() {
      for (const wake of waiters) wake();
    },
    wait(timeoutMs, signal) {
      return new Promise((resolve) => {
        const timer = timeoutMs === null ? undefined : setTimeout(wake, timeoutMs);
        function wake(): void {
          clearTimeout(timer);
          waiters.delete(wake);
          signal?.removeEventListener("abort", wake);
          resolve();
        }
        waiters.add(wake);
        signal?.addEventListener("abort", wake, { once: true });
        if (signal?.aborted) wake();
      });
    },
  };
}
