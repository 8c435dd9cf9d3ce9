/** SQS refusing, lying, repeating itself, or gone. */
import type { Random } from "@org/schema";
import type { Fault, QueueRequest } from "@org/faults/hostile-queue-server";

import { shuffled } from "../scene.ts";
import type { FaultDefinition, Scene } from "../scene.ts";

/** SQS takes ten entries a batch. */
const batchLimit = 10;

/** At least one of the first `count`. */
function somePositions(random: Random, count: number): number[] {
  const positions = Array.from({ length: count }, (_, position) => position);
  const some = positions.filter(() => random.chance(1, 2));
  return some.length > 0 ? some : [random.integer(0, count - 1)];
}

/** Ways for one operation to fail, by name; each gets how many entries the request has. */
type Ways = Readonly<Record<string, (entries: number) => Fault>>;

/**
 * Fails every other request of the consumers, in each way in turn, until enough of
 * them met messages, and each way did: a receive that has nothing to lose is no strike.
 */
async function failInTurn(
  { stage, random, until, hit, hits }: Scene,
  { operation, ways, enough }: { operation: string; ways: Ways; enough: number },
): Promise<void> {
  const turns = shuffled(Object.entries(ways), random);
  const nameOf = new WeakMap<Fault, string>();
  const struck = new Set<string>();
  let turn = 0;
  stage.hooks = {
    request(request, consumer) {
      if (request.operation !== operation || consumer === null || random.chance(1, 2)) return null;
      const [name, makeFault] = turns[turn++ % turns.length] ?? [];
      if (name === undefined || makeFault === undefined) return null;
      const fault = makeFault(entriesOf(request));
      nameOf.set(fault, name);
      return fault;
    },
    struck(fault, answer) {
      const name = nameOf.get(fault);
      if (name === undefined || !meetsMessages(fault, answer)) return;
      struck.add(name);
      hit();
    },
  };
  await until(
    `each way to fail ${operation} met messages`,
    () => hits() >= enough && struck.size === turns.length,
  );
}

/** Of a batch; a request of another shape has none. */
function entriesOf({ body }: QueueRequest): number {
  const { Entries: entries = [] } = JSON.parse(body) as { Entries?: readonly unknown[] };
  return entries.length;
}

/** Whether a fault met any message; `answer` is what the request would have been told. */
export function meetsMessages(fault: Fault, answer: unknown): boolean {
  const { Messages: messages } = (answer ?? {}) as { Messages?: readonly unknown[] };
  // No receive, whose faults always meet an entry, or one that was not carried out.
  if (messages === undefined) return true;
  if (fault.kind === "damaged") return fault.positions.some((at) => at < messages.length);
  return messages.length > 0;
}

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
