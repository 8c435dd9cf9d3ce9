/** Fits the stages together, and runs them from the first receive to the last acknowledgement. */
import type { Tracer } from "@opentelemetry/api";
import type { Writer } from "@org/db/writer";
import type { Queue, QueueAttributes } from "@org/sqs";

import { createStartTrace } from "./batch-trace.ts";
import type { Breaker } from "./breaker.ts";
import { createBuffer } from "./buffer.ts";
import type { Config } from "./config.ts";
import { createDepth } from "./depth.ts";
import { toFailure } from "./failure.ts";
import { fitCarry } from "./fit-carry.ts";
import type { Masking } from "./fit-carry.ts";
import { createFlood } from "./flood.ts";
import { createLeases } from "./leases.ts";
import { startMaintenance } from "./maintenance.ts";
import type { MaintenanceOptions } from "./maintenance.ts";
import { run } from "./run.ts";
import { createAck } from "./stages/ack.ts";
import { createReceive } from "./stages/receive.ts";
import type { Telemetry } from "./telemetry.ts";
import { untilEmpty } from "./until-empty.ts";

/** What is open for as long as the process lives. */
export interface Opened {
  readonly queue: Queue;
  readonly database: Writer;
  readonly takeTurn: MaintenanceOptions["takeTurn"];
  readonly breaker: Breaker;
  readonly telemetry: Telemetry;
  readonly tracer: Tracer;
}

export interface Plan extends Masking {
  readonly config: Config;
  readonly attributes: QueueAttributes;
}

export interface Ending {
  readonly stop: AbortController;
  /** No time is left: what is not durable goes back to the queue. */
  readonly giveUp: AbortSignal;
  /** Ends by itself once the queue stays empty. */
  readonly untilEmpty: boolean;
}

/** A drain asks more often: its polls must not outlive the queue's last message by long. */
const drainWaitSeconds = 1;

const dayMs = 86_400_000;
/** SQS's longest retention; a queue's own may be raised while this runs. */
const longestRetentionMs = 14 * dayMs;

/** Resolves once everything is acknowledged or released; false where receiving had to end before it was told to. */
export async function consume(
  { queue, database, takeTurn, breaker, telemetry, tracer }: Opened,
  { config, attributes, ...masking }: Plan,
  { stop, giveUp, untilEmpty: isDrain }: Ending,
): Promise<boolean> {
  const { progress } = telemetry;
  await using watching = new AsyncDisposableStack();
  const buffer = createBuffer({
    maxMessages: config.MASKLINE_MAX_IN_FLIGHT,
    maxBytes: config.MASKLINE_MAX_IN_FLIGHT_BYTES,
    batchSize: config.MASKLINE_BATCH_SIZE,
    batchAgeMs: config.MASKLINE_BATCH_AGE_MS,
  });
  const leases = createLeases(queue, {
    visibilityTimeoutSeconds: attributes.visibilityTimeoutSeconds,
    events: telemetry.leases,
  });
  const depth = watching.use(
    createDepth(queue, {
      first: attributes,
      failed: (error) => telemetry.depthFailed(toFailure("depth", error)),
      isIdle: createIsIdle(progress, () => leases.size === 0 && !breaker.open),
    }),
  );
  const maintenance = watching.use(
    startMaintenance({
      takeTurn,
      maintained: telemetry.maintained,
      failed: (error) => telemetry.maintainFailed(toFailure("maintain", error)),
    }),
  );
  watching.use(telemetry.watch({ buffer, breaker, leases, depth, maintenance }));
  const flood = watching.use(
    createFlood(config.MASKLINE_MAX_QUARANTINED_PER_MINUTE, {
      trip: breaker.createTrip(),
      flooded: telemetry.flooded,
    }),
  );
  const ack = createAck({ queue, leases }, { events: telemetry.ack, giveUp });
  const receive = createReceive(
    { queue, buffer, leases, breaker },
    {
      pollers: config.MASKLINE_POLLERS,
      waitSeconds: isDrain ? drainWaitSeconds : config.MASKLINE_WAIT_SECONDS,
      ...maxAgeOf(attributes),
      maxReceiveCount: attributes.redrive?.maxReceiveCount ?? null,
      returnAllOnDamage: attributes.fifo,
      release: ack.release,
      giveUp,
      events: telemetry.receive,
    },
  );
  const carry = fitCarry({ database, breaker, telemetry }, masking, flood.wrote);
  const startTrace = createStartTrace(tracer);
  const writers = attributes.fifo ? 1 : config.MASKLINE_WRITERS;

  const running = run(
    { receive, buffer, leases, carry, ack, startTrace, writers },
    { stop: stop.signal, giveUp },
  );
  if (isDrain) {
    const drained = untilEmpty(queue, {
      inHand: () => leases.size,
      emptyPolls: progress.emptyPolls,
      isHalted: progress.isHalted,
      failed: (error) => telemetry.receive.failed(toFailure("receive", error)),
      stop: stop.signal,
    });
    await Promise.race([running, drained.then(() => stop.abort())]);
  }
  await running;
  return !progress.isHalted();
}

/** Says of the time since it was asked last whether nothing was received, of a queue that has nothing. */
function createIsIdle(
  { totals, findsNothing }: Telemetry["progress"],
  isFree: () => boolean,
): () => boolean {
  let receivedBefore = -1;
  return () => {
    const { received } = totals();
    const isSame = received === receivedBefore;
    receivedBefore = received;
    return isSame && findsNothing() && isFree();
  };
}

/** What claims to be older than the queue can keep a message is damaged; where it keeps them for ever, nothing is too old. */
function maxAgeOf({ retentionSeconds }: QueueAttributes): { maxAgeMs?: number } {
  if (retentionSeconds === null) return {};
  return { maxAgeMs: Math.max(longestRetentionMs, retentionSeconds * 1000) + dayMs };
}
