/** SQS refusing, lying, repeating itself, or gone. */
import type { Fault } from "@org/local/hostile-queue-server";

import type { FaultDefinition } from "../scene.ts";

/** SQS takes ten entries a batch. */
const batchLimit = 10;

function somePositions(chance: () => boolean): number[] {
  return Array.from({ length: batchLimit }, (_, position) => position).filter(chance);
}

export const deletesFail: FaultDefinition = {
  name: "deletes_fail",
  what: "deletes fail in part or whole, lose their answer, or lie",
  enough: 12,
  needsHostileServer: true,
  async strike({ stage, random, until, hit, hits }) {
    const half = (): boolean => random.chance(1, 2);
    const draws: readonly (() => Fault)[] = [
      () => ({
        kind: "partial",
        positions: somePositions(half),
        code: "InternalError",
        senderFault: false,
      }),
      () => ({
        kind: "partial",
        positions: somePositions(half),
        code: "ReceiptHandleIsInvalid",
        senderFault: true,
      }),
      () => ({ kind: "unanswered", positions: somePositions(half) }),
      () => ({ kind: "error", code: "InternalError", status: 500 }),
      () => ({ kind: "page", status: 503 }),
      () => ({ kind: "lost_reply" }),
      () => ({ kind: "dropped" }),
      () => ({ kind: "undeleted" }),
    ];
    stage.hooks = {
      request({ operation }, consumer) {
        if (operation !== "DeleteMessageBatch" || consumer === null || half()) return null;
        hit();
        return random.pick(draws)();
      },
    };
    await until("enough deletes failed", () => hits() >= 12);
  },
};

export const deliveredTwice: FaultDefinition = {
  name: "delivered_twice",
  what: "messages are handed to both consumers at once",
  enough: 20,
  needsHostileServer: true,
  async strike({ stage, random, until, hit, hits }) {
    stage.hooks = {
      request({ operation }, consumer) {
        // Always, it would hand a message out ten times in a moment, and so to the dead-letter queue.
        if (operation !== "ReceiveMessage" || consumer === null || random.chance(1, 2)) return null;
        hit();
        return { kind: "doubled" };
      },
    };
    await until("enough messages came twice", () => hits() >= 20);
  },
};

export const receivesFail: FaultDefinition = {
  name: "receives_fail",
  what: "answers to receives are cut off, stall, or hold damaged bodies",
  enough: 8,
  needsHostileServer: true,
  async strike({ stage, random, until, hit, hits }) {
    const draws: readonly (() => Fault)[] = [
      () => ({ kind: "truncated", bytes: random.integer(0, 400) }),
      () => ({ kind: "stalled", bytes: random.integer(0, 400) }),
      () => ({ kind: "damaged", positions: somePositions(() => random.chance(1, 3)) }),
      () => ({ kind: "lost_reply" }),
      () => ({ kind: "dropped" }),
    ];
    stage.hooks = {
      request({ operation }, consumer) {
        if (operation !== "ReceiveMessage" || consumer === null) return null;
        if (random.chance(1, 2)) return null;
        hit();
        return random.pick(draws)();
      },
    };
    await until("enough receives failed", () => hits() >= 8);
  },
};

/** By then every poll under way has returned, the last one that succeeded too: from there on each wait doubles. */
const lastPollsMs = 1_500;
const refusedMs = 3_000;

/** Backing off comes to three or so in that time, a fixed pause of 100 ms to sixty. */
const busyReceives = 20;

export const queueRefuses: FaultDefinition = {
  name: "queue_refuses",
  what: "receives are throttled or forbidden; consumers must not loop",
  enough: 6,
  needsHostileServer: true,
  async strike({ stage, fleet, random, journal, pause, expect, hit, hits, until }) {
    await fleet.untilReady();
    const codes = ["RequestThrottled", "KmsThrottled", "OverLimit", "AccessDeniedException"];
    stage.hooks = {
      request({ operation }, consumer) {
        if (operation !== "ReceiveMessage" || consumer === null) return null;
        hit();
        return { kind: "error", code: random.pick(codes) };
      },
    };
    await pause(lastPollsMs);
    const before = hits();
    await pause(refusedMs);
    const receives = hits() - before;
    journal.note("refused", { receives });
    expect(receives < busyReceives, "consumers received in a busy loop while they were refused");
    await until("enough receives were refused", () => hits() >= 6);
  },
};

export const queueRestart: FaultDefinition = {
  name: "queue_restart",
  what: "the SQS server goes away with every connection, and comes back",
  enough: 3,
  needsHostileServer: true,
  async strike({ stage, fleet, producer, random, pause, hit }) {
    for (let restart = 0; restart < 3; restart += 1) {
      await fleet.untilReady();
      await pause(random.integer(300, 1_000));
      // A send whose answer is lost would be a message that nobody knows of.
      await producer.pause();
      await stage.server.outage?.begin();
      await pause(random.integer(100, 1_000));
      await stage.server.outage?.end();
      producer.resume();
      hit();
    }
  },
};
