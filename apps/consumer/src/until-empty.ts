/** Drained mode: the sign that a queue stays empty and nothing of it is in flight. */
import type { QueueAttributes } from "@org/sqs";

import { pause } from "./backoff.ts";

export interface DrainPort {
  attributes(): Promise<QueueAttributes>;
}

/** SQS's counts are approximate and lag: one zero proves nothing. */
const zerosInARow = 3;
const checkEveryMs = 500;
const afterFailureMs = 5_000;

/** Resolves when queue and hand stay empty over several looks, or when `stop` aborts. */
export async function untilEmpty(
  queue: DrainPort,
  {
    inHand,
    emptyPolls,
    failed,
    stop,
  }: {
    inHand: () => number;
    emptyPolls: () => number;
    failed: (error: unknown) => void;
    stop: AbortSignal;
  },
): Promise<void> {
  let zeros = 0;
  while (!stop.aborted && zeros < zerosInARow) {
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
