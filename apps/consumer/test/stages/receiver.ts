/** A receive stage with nothing of a consumer around it but what its tests look at. */
import { createBreaker } from "../../src/breaker.ts";
import { createBuffer } from "../../src/buffer.ts";
import type { BufferLimits } from "../../src/buffer.ts";
import { createLeases } from "../../src/leases.ts";
import type { Leases } from "../../src/leases.ts";
import { createReceive } from "../../src/stages/receive.ts";
import type { ReceiveEvents, ReceiveOptions, ReceivePort } from "../../src/stages/receive.ts";

export interface Receiver {
  readonly leases: Leases;
  readonly receive: (stop: AbortSignal) => Promise<void>;
}

export const ignore = (): void => {};

const ignoreAll: ReceiveEvents = {
  received: ignore,
  damaged: ignore,
  left: ignore,
  polled: ignore,
  failed: ignore,
  halted: ignore,
};

export function createReceiver(
  queue: ReceivePort,
  limits: BufferLimits,
  options: Pick<ReceiveOptions, "pollers" | "waitSeconds" | "giveUp"> & {
    readonly leaseSeconds?: number;
    readonly maxReceiveCount?: number | null;
    readonly events?: Partial<ReceiveEvents>;
  },
): Receiver {
  const { leaseSeconds = 30, maxReceiveCount = null, events, ...rest } = options;
  const leases = createLeases(
    { changeVisibility: async () => [] },
    {
      visibilityTimeoutSeconds: leaseSeconds,
      events: { renewed: ignore, failed: ignore, lost: ignore },
    },
  );
  const receive = createReceive(
    { queue, leases, buffer: createBuffer(limits), breaker: createBreaker(ignore) },
    {
      ...rest,
      maxReceiveCount,
      returnAllOnDamage: false,
      release: async () => {},
      events: { ...ignoreAll, ...events },
    },
  );
  return { leases, receive };
}
