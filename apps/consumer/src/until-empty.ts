/** Drained mode: the sign that a queue stays empty and nothing of it is in flight. */
import type { QueueAttributes } from "@org/sqs";

import { pause } from "./backoff.ts";

export interface DrainPort {
  readonly attributes: () => Promise<QueueAttributes>;
}

/** SQS's counts are approximate and lag: one zero proves nothing. */
const zerosInARow = 3;
const checkEveryMs = 500;
const afterFailureMs = 5_000;

export interface Drain {
  readonly inHand: () => number;
  readonly emptyPolls: () => number;
  /** Nothing more will be received. */
  readonly isHalted: () => boolean;
  readonly failed: (error: unknown) => void;
  readonly stop: AbortSignal;
}

/** Resolves when queue and hand stay empty over several looks, when nothing more is received, or when `stop` aborts. */
export async function untilEmpty(
  queue: DrainPort,
  { inHand, emptyPolls, isHalted, failed, stop }: Drain,
): Promise<void> {
  let zeros = 0;
  while (!stop.aborted && !isHalted() && zeros < zerosInARow) {
    await pause(checkEveryMs, stop);
    if (inHand() > 0 || emptyPolls() === 0) {
      zeros = 0;
      continue;
    }
    const depth = await queue.attributes().then(
      (attributes) => attributes.depth,
      async (error: unknown) => {
        failed(error);
        await pause(afterFailureMs, stop);
        return null;
      },
    );
    const isEmpty = depth !== null && depth.visible + depth.inFlight + depth.delayed === 0;
    zeros = isEmpty && inHand() === 0 ? zeros + 1 : 0;
  }
}
