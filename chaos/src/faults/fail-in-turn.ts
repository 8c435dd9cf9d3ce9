/** Requests of the consumers that fail, each in the next of several ways. */
import type { Fault, QueueRequest } from "@org/faults/hostile-queue-server";
import type { Random } from "@org/schema";

import { shuffled } from "../scene.ts";
import type { Scene } from "../scene.ts";
import { messagesOf } from "../stage.ts";

/** SQS takes ten entries a batch. */
export const batchLimit = 10;

/** At least one of the first `count`. */
export function somePositions(random: Random, count: number): number[] {
  const positions = Array.from({ length: count }, (_, position) => position);
  const some = positions.filter(() => random.chance(1, 2));
  return some.length > 0 ? some : [random.integer(0, count - 1)];
}

/** Ways for one operation to fail, by name; each gets how many entries the request has. */
export type Ways = Readonly<Record<string, (entries: number) => Fault>>;

/**
 * Fails every other request of the consumers, in each way in turn, until enough of
 * them met messages, and each way did: a receive that has nothing to lose is no strike.
 */
export async function failInTurn(
  { stage, random, until, hit, hits }: Scene,
  { operation, ways, enough }: { operation: string; ways: Ways; enough: number },
): Promise<void> {
  const before = hits();
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
    () => hits() - before >= enough && struck.size === turns.length,
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

/** A consumer whose first messages all lack a piece takes the server for none of SQS's, and stops. */
export async function untilReceived({ stage, fleet, until }: Scene): Promise<void> {
  const received = new Set<number>();
  stage.hooks = {
    answered({ operation }, consumer, answer) {
      const isReceive = operation === "ReceiveMessage" && consumer !== null;
      if (isReceive && messagesOf(answer).length > 0) received.add(consumer);
    },
  };
  await until("each consumer received", () => received.size === fleet.size);
}
