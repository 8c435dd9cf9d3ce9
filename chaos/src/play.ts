/** Plays one scene: messages flow, the fault strikes, the queue drains, everything is counted. */
import { setTimeout as sleep } from "node:timers/promises";

import type { Random } from "@org/schema";

import { readEndings } from "./endings.ts";
import type { Fleet } from "./fleet.ts";
import type { Journal } from "./journal.ts";
import type { ChaosOptions } from "./options.ts";
import type { Producer } from "./producer.ts";
import type { FaultCounts } from "./report.ts";
import type { Leak, Scanner } from "@org/faults/scan";
import { waitFor } from "./scene.ts";
import type { FaultDefinition } from "./scene.ts";
import type { Stage } from "./stage.ts";
import type { Watch } from "./watch.ts";

export interface World {
  readonly options: ChaosOptions;
  readonly stage: Stage;
  readonly fleet: Fleet;
  readonly producer: Producer;
  readonly watch: Watch;
  readonly scanner: Scanner;
  readonly random: Random;
  readonly journal: Journal;
  readonly signal: AbortSignal;
  /** How long the queue may take to drain once a fault is over. */
  readonly drainMs: number;
}

export interface Played {
  readonly counts: FaultCounts;
  readonly violations: readonly string[];
  readonly drainedMs: number;
}

/** A scene of fewer messages says little. */
const fewestMessages = 100;

/** A consumer that cannot start says so with this; its orchestrator tries again. */
const cannotStart = 2;

/** @throws {@link Inconclusive} if the fault does not strike, or the queue does not drain. */
export async function play(world: World, fault: FaultDefinition): Promise<Played> {
  const { options, stage, fleet, producer, journal, watch, scanner, signal } = world;
  const broken: string[] = [];
  const crashesBefore = fleet.crashes.length;
  const earlyBefore = stage.deletedEarly.length;
  let hits = 0;

  journal.note("scene", { fault: fault.name });
  producer.begin();
  await fault.strike({
    ...world,
    hit() {
      hits += 1;
    },
    hits: () => hits,
    expect(holds, otherwise) {
      if (!holds) broken.push(otherwise);
    },
    until: async (what, condition) => waitFor(what, condition, { signal }),
    async pause(ms) {
      await sleep(ms, undefined, { signal });
    },
  });
  // A fault may be over soon, and leave it paused.
  producer.resume();
  await waitFor("enough was sent", () => producer.sent.length >= fewestMessages, { signal });
  await producer.pause();
  stage.hooks = {};
  const drainedMs = await drain(world, fault);
  journal.note("drained", { fault: fault.name, drainedMs });

  await stage.verifyDeferred();
  if (stage.deletedEarly.length > earlyBefore) {
    broken.push("a message was deleted before it was committed");
  }
  const crashes = fleet.crashes.slice(crashesBefore).filter(({ code }) => code !== cannotStart);
  if (crashes.length > 0) broken.push("a consumer ended by itself");
  const { violations, ...ended } = await readEndings(stage, producer.sent, {
    fifo: options.kind === "fifo",
    vault: options.vault,
  });
  await watch.keepMetrics();
  const leaks = await scanner.scanNew(watch.files);
  return {
    counts: { hits, needed: fault.enough, ...ended, leaked: leaks.length },
    violations: [...broken, ...violations, ...leaks.map(describeLeak)],
    drainedMs,
  };
}

/** Resolves with how long it took until no message was left, visible or in flight. */
async function drain(
  { stage, signal, drainMs }: World,
  { name }: FaultDefinition,
): Promise<number> {
  const startedMs = performance.now();
  await waitFor(
    `the queue was empty after ${name}`,
    async () => (await stage.server.messageIds(stage.queueUrl)).length === 0,
    { signal, mostMs: drainMs },
  );
  return performance.now() - startedMs;
}

export function describeLeak({ file, mark, spelling }: Leak): string {
  return `canary ${mark} stands in ${file} (${spelling})`;
}
