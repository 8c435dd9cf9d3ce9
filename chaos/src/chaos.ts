/** A run: rounds of faults, each a scene of its own, until the time is over. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "@org/local";
import type { Random } from "@org/local";

import { createCanaries } from "./canaries.ts";
import { checkDatabase } from "./endings.ts";
import { faults } from "./faults.ts";
import { startFleet } from "./fleet.ts";
import { openJournal } from "./journal.ts";
import type { ChaosOptions } from "./options.ts";
import { describeLeak, play } from "./play.ts";
import type { Played, World } from "./play.ts";
import { createProducer } from "./producer.ts";
import { addCounts, verdictOf } from "./report.ts";
import type { FaultCounts, Report } from "./report.ts";
import { createScanner } from "./scan.ts";
import { Inconclusive, waitFor } from "./scene.ts";
import type { FaultDefinition } from "./scene.ts";
import { openStage } from "./stage.ts";
import { startWatch } from "./watch.ts";

export interface ChaosRun {
  readonly options: ChaosOptions;
  readonly signal: AbortSignal;
  /** Told of each scene's beginning and end. */
  readonly progress: (line: string) => void;
  /** A module loaded into every consumer before its own code: how a mutant is made. */
  readonly preload?: string;
  /** How long a queue may take to drain once its fault is over. Default 60,000. */
  readonly drainMs?: number;
}

const consumers = 2;

/** Runs to the end also where promises break: only what cannot go on any more ends it. */
export async function runChaos(run: ChaosRun): Promise<Report> {
  const { options, progress } = run;
  const startedMs = performance.now();
  const directory = await mkdtemp(join(tmpdir(), "maskline-chaos-"));
  const counts = new Map<string, FaultCounts[]>();
  const violations = new Set<string>();
  const inconclusive: string[] = [];
  let leakedAtRest = 0;
  let rounds = 0;

  {
    await using opening = new AsyncDisposableStack();
    const world = await openWorld(opening, { run, directory });
    const sentIds = new Set<string>();
    const isTimeLeft = (): boolean => performance.now() - startedMs < options.minutes * 60_000;
    try {
      do {
        for (const fault of shuffled(options.faults, world.random)) {
          const result = await play(world, fault);
          progress(describeScene(fault, result));
          for (const { messageId } of world.producer.sent) sentIds.add(messageId);
          counts.set(fault.name, [...(counts.get(fault.name) ?? []), result.counts]);
          for (const sentence of result.violations) violations.add(`${fault.name}: ${sentence}`);
        }
        rounds += 1;
      } while (isTimeLeft());
    } catch (error) {
      if (!(error instanceof Inconclusive)) throw error;
      inconclusive.push(error.message);
    }
    await world.producer.pause();
    await world.stage.postgres.start();
    for (const sentence of await checkDatabase(world.stage, sentIds)) violations.add(sentence);

    await world.stage.query("CHECKPOINT");
    const leaks = await world.scanner.scanBelow(world.stage.postgres.dataDirectory);
    leakedAtRest = leaks.length;
    for (const leak of leaks) violations.add(describeLeak(leak));
  }

  const report: Report = {
    options,
    rounds,
    seconds: (performance.now() - startedMs) / 1000,
    faults: Object.fromEntries([...counts].map(([name, parts]) => [name, addCounts(parts)])),
    leakedAtRest,
    violations: [...violations],
    inconclusive,
    directory,
  };
  if (verdictOf(report) !== "passed") return report;
  await rm(directory, { recursive: true });
  return { ...report, directory: null };
}

async function openWorld(
  opening: AsyncDisposableStack,
  { run, directory }: { run: ChaosRun; directory: string },
): Promise<World> {
  const { options } = run;
  const random = createRandom(options.seed);
  const canaries = createCanaries();
  const journal = openJournal(join(directory, "faults.jsonl"));
  const { kind, vault, rate } = options;
  const stage = opening.use(await openStage({ directory, kind, vault, consumers }));
  const fleet = opening.use(
    startFleet({
      size: consumers,
      directory,
      journal,
      launch: (consumer) => ({ env: stage.consumerEnv(consumer), preload: run.preload }),
    }),
  );
  const producer = createProducer({
    admin: stage.admin,
    queueUrl: stage.queueUrl,
    fifo: kind === "fifo",
    rate,
    random,
    canaries,
  });
  opening.defer(() => producer.pause());
  const watch = opening.use(await startWatch(directory, { stage, fleet }));
  await waitFor("the consumers consume", () => fleet.isReady(), run);
  return {
    options,
    stage,
    fleet,
    producer,
    watch,
    scanner: createScanner(canaries.marks),
    random,
    journal,
    signal: run.signal,
    drainMs: run.drainMs ?? 60_000,
  };
}

function describeScene({ name }: FaultDefinition, { counts, drainedMs }: Played): string {
  const { hits, messages } = counts;
  return `${name}: hit ${hits} times, ${messages} messages, drained in ${(drainedMs / 1000).toFixed(1)} s`;
}

function shuffled(names: readonly string[], random: Random): FaultDefinition[] {
  const left = faults.filter(({ name }) => names.includes(name));
  return Array.from({ length: left.length }, () => {
    const [next] = left.splice(random.integer(0, left.length - 1), 1);
    if (!next) throw new RangeError("There is no fault left.");
    return next;
  });
}
