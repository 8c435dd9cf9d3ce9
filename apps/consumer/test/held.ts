/** Messages in hand, made up for tests of what only moves them. */
import type { Held } from "../src/model.ts";

export function createHeld(
  index: number,
  { bytes = 170, groupId = null }: { bytes?: number; groupId?: string | null } = {},
): Held {
  const messageId = `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
  return {
    envelope: {
      messageId,
      receiptHandle: `handle-${index}`,
      body: "{}",
      bytes,
      sentAtMs: 1_700_000_000_000,
      receiveCount: 1,
      groupId,
      traceHeader: null,
      attributeNames: [],
      receivedAtMs: 0,
    },
    messageId,
    receiptHandle: `handle-${index}`,
    receivedAtMs: 0,
    leaseUntilMs: Number.POSITIVE_INFINITY,
    leaseLost: false,
  };
}

export function createHelds(
  count: number,
  options: { bytes?: number; groupId?: string } = {},
): Held[] {
  return Array.from({ length: count }, (_, index) => createHeld(index, options));
}
