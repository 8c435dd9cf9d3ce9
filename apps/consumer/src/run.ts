/** The conveyor: pollers -> batches -> carry -> ack, until told to stop and empty. */
import type { BatchTrace, StartTrace } from "./batch-trace.ts";
import type { Buffer } from "./buffer.ts";
import type { Carry } from "./carry.ts";
import type { Leases } from "./leases.ts";
import type { Held, Outcome } from "./model.ts";
import type { Ack } from "./stages/ack.ts";

export interface Conveyor {
  readonly receive: (stop: AbortSignal) => Promise<void>;
  readonly buffer: Buffer;
  readonly leases: Leases;
  readonly carry: Carry;
  readonly ack: Ack;
  readonly startTrace: StartTrace;
  /** Batches written at once. FIFO queues take one, or a later batch could commit first. */
  readonly writers: number;
}

export interface RunSignals {
  /** Stop receiving; what is in hand is still carried and acknowledged. */
  readonly stop: AbortSignal;
  /** No time left: what is not durable goes back to the queue. */
  readonly giveUp: AbortSignal;
}

/** Moves batches until `stop` aborts; every message in hand is then acknowledged or released. */
export async function run(
  { receive, buffer, leases, carry, ack, startTrace, writers }: Conveyor,
  { stop, giveUp }: RunSignals,
): Promise<void> {
  const batches = buffer.batches();
  const acks = new Set<Promise<void>>();

  async function convey(): Promise<void> {
    for await (const batch of batches) {
      const trace = startTrace(batch);
      const { durable, released } = await carry(batch, { giveUp, trace });
      const behind = withdrawBehind(released);
      acknowledge({ durable, released: [...released, ...behind] }, trace);
    }
  }

  /** Waiting messages of a FIFO group whose earlier message goes back: they must not overtake it. */
  function withdrawBehind(released: readonly Held[]): Held[] {
    const groups = new Set(released.map(({ envelope }) => envelope.groupId));
    groups.delete(null);
    return groups.size === 0 ? [] : buffer.withdraw(({ envelope }) => groups.has(envelope.groupId));
  }

  /** Deletes go their own way, so that the next write does not wait for them; `buffer` bounds them. */
  function acknowledge(outcome: Outcome, trace: BatchTrace): void {
    const acked = trace
      .stage("ack", () => ack.ack(outcome))
      .finally(() => {
        trace.end();
        buffer.release([...outcome.durable, ...outcome.released]);
        acks.delete(acked);
      });
    acks.add(acked);
  }

  await Promise.all([receive(stop), ...Array.from({ length: writers }, convey)]);
  await Promise.all(acks);
  await leases.stop();
}
