/** How deep queue and dead-letter queue are, by SQS's approximate counts: read once a minute. */
import type { QueueAttributes } from "@org/sqs";

const readEveryMs = 60_000;

export interface DepthPort {
  readonly attributes: () => Promise<QueueAttributes>;
}

export interface Depth extends Disposable {
  /** Null where the last reading failed: an old count would look like a true one. */
  readonly last: () => Pick<QueueAttributes, "depth" | "redrive"> | null;
}

/** @param first - What was read before the start. */
export function createDepth(
  queue: DepthPort,
  { first, failed }: { first: QueueAttributes; failed: (error: unknown) => void },
): Depth {
  let last: QueueAttributes | null = first;
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

  const timer = setInterval(() => void read(), readEveryMs);
  timer.unref();
  return {
    last: () => last,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
