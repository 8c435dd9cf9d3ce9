/** SQS refusing, lying, repeating itself, or gone. */
import type { FaultDefinition, Scene } from "../scene.ts";
import {
  batchLimit,
  failInTurn,
  meetsMessages,
  somePositions,
  untilReceived,
} from "./fail-in-turn.ts";
import type { Ways } from "./fail-in-turn.ts";

export const deletesFail: FaultDefinition = {
  name: "deletes_fail",
  what: "deletes fail in part or whole, lose their answer, or lie",
  enough: 12,
  needsHostileServer: true,
  async strike(scene) {
    const some = (entries: number): number[] => somePositions(scene.random, entries);
    const ways: Ways = {
      refused: (entries) => ({
        kind: "partial",
        positions: some(entries),
        code: "InternalError",
        senderFault: false,
      }),
      refusedForGood: (entries) => ({
        kind: "partial",
        positions: some(entries),
        code: "ReceiptHandleIsInvalid",
        senderFault: true,
      }),
      unanswered: (entries) => ({ kind: "unanswered", positions: some(entries) }),
      error: () => ({ kind: "error", code: "InternalError", status: 500 }),
      page: () => ({ kind: "page", status: 503 }),
      lostReply: () => ({ kind: "lost_reply" }),
      dropped: () => ({ kind: "dropped" }),
      undeleted: () => ({ kind: "undeleted" }),
    };
    await failInTurn(scene, { operation: "DeleteMessageBatch", ways, enough: 12 });
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
        return { kind: "doubled" };
      },
      struck(fault, answer) {
        if (meetsMessages(fault, answer)) hit();
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
  async strike(scene) {
    const { random } = scene;
    const ways: Ways = {
      truncated: () => ({ kind: "truncated", bytes: random.integer(0, 400) }),
      stalled: () => ({ kind: "stalled", bytes: random.integer(0, 400) }),
      damaged: () => ({ kind: "damaged", positions: somePositions(random, batchLimit) }),
      lostReply: () => ({ kind: "lost_reply" }),
      dropped: () => ({ kind: "dropped" }),
    };
    await failInTurn(scene, { operation: "ReceiveMessage", ways, enough: 8 });
  },
};

/** By then every poll under way has returned, the last one that succeeded too: from there on each wait doubles. */
const lastPollsMs = 1_500;
const watchedMs = 3_000;

/** Backing off comes to three or so in that time, a fixed pause of 100 ms to sixty. */
const busyReceives = 20;

/** Consumers must not loop where each receive brings them nothing. */
async function expectNoLoop(
  { journal, pause, expect, hits }: Scene,
  otherwise: string,
): Promise<void> {
  await pause(lastPollsMs);
  const before = hits();
  await pause(watchedMs);
  const receives = hits() - before;
  journal.note("watched", { receives });
  expect(receives < busyReceives, otherwise);
}

export const damagedOnly: FaultDefinition = {
  name: "damaged_only",
  what: "every message that comes is damaged; consumers must not loop",
  enough: 4,
  needsHostileServer: true,
  async strike(scene) {
    const { stage, hit, hits, until } = scene;
    await untilReceived(scene);
    stage.hooks = {
      request: ({ operation }, consumer) =>
        operation === "ReceiveMessage" && consumer !== null
          ? { kind: "damaged", positions: [...Array(batchLimit).keys()] }
          : null,
      struck(fault, answer) {
        if (meetsMessages(fault, answer)) hit();
      },
    };
    await expectNoLoop(scene, "consumers received damaged messages in a busy loop");
    await until("enough receives brought damage alone", () => hits() >= 4);
  },
};

export const queueRefuses: FaultDefinition = {
  name: "queue_refuses",
  what: "receives are throttled or forbidden; consumers must not loop",
  enough: 6,
  needsHostileServer: true,
  async strike(scene) {
    const { stage, fleet, random, hit, hits, until } = scene;
    await fleet.untilReady();
    const codes = ["RequestThrottled", "KmsThrottled", "OverLimit", "AccessDeniedException"];
    stage.hooks = {
      request({ operation }, consumer) {
        if (operation !== "ReceiveMessage" || consumer === null) return null;
        hit();
        return { kind: "error", code: random.pick(codes) };
      },
    };
    await expectNoLoop(scene, "consumers received in a busy loop while they were refused");
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
