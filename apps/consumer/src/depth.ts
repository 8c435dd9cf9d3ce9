/** How deep queue and dead-letter queue are, by SQS's approximate counts: read once a minute, and seldom while idle. */
import type { QueueAttributes } from "@org/sqs";

const readEveryMs = 60_000;

/** An empty queue stays so until something is received: only the dead-letter queue may be emptied meanwhile. */
const idleReadings = 30;

export interface DepthPort {
  readonly attributes: () => Promise<QueueAttributes>;
}

export interface Depth extends Disposable {
  /** Null where the last reading failed: an old count would look like a true one. */
  readonly last: () => Pick<QueueAttributes, "depth" | "redrive"> | null;
}

export interface DepthOptions {
  /** What was read before the start. */
  readonly first: QueueAttributes;
  readonly failed: (error: unknown) => void;
  /** Asked once a minute: whether nothing has been received for a minute, and nothing is in hand. */
  readonly isIdle: () => boolean;
}

export function createDepth(queue: DepthPort, { first, failed, isIdle }: DepthOptions): Depth {
  let last: QueueAttributes | null = first;
  let minutesLeft = 0;
  let isReading = false;

  async function read(): Promise<void> {
    if (isReading) return;
    isReading = true;
    try {
      last = await queue.attributes();
    } catch (error) {
      last = null;
      failed(error);
    }
    isReading = false;
  }

  const timer = setInterval(() => {
    minutesLeft = isIdle() && last !== null ? minutesLeft - 1 : 0;
    if (minutesLeft > 0) return;
    minutesLeft = idleReadings;
    void read();
  }, readEveryMs);
  timer.unref();
  return {
    last: () => last,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
