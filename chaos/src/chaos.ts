/** A run: rounds of faults, each a scene of its own, until the time is over. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCanaries } from "@org/faults/canaries";
import { createScanner } from "@org/faults/scan";
import { chooseContract } from "@org/local";
import { createRandom } from "@org/schema";

import { checkDatabase } from "./endings.ts";
import { faults } from "./faults.ts";
import { startFleet } from "./fleet.ts";
import { openJournal } from "./journal.ts";
import type { ChaosOptions } from "./options.ts";
import { describeLeak, play } from "./play.ts";
import type { World } from "./play.ts";
import { createProducer } from "./producer.ts";
import { addCounts, verdictOf } from "./report.ts";
import type { FaultCounts, Report } from "./report.ts";
import { Inconclusive, shuffled, waitFor } from "./scene.ts";
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

/** What the scenes came to so far. */
interface Tally {
  rounds: number;
  leakedAtRest: number;
  readonly counts: Map<string, FaultCounts[]>;
  readonly sentIds: Set<string>;
  readonly violations: Set<string>;
  readonly inconclusive: string[];
}

/** Goes on where promises break; only what cannot go on any more ends a run early. */
export async function runChaos(run: ChaosRun): Promise<Report> {
  const startedMs = performance.now();
  const directory = await mkdtemp(join(tmpdir(), "maskline-chaos-"));
  const tally: Tally = {
    rounds: 0,
    leakedAtRest: 0,
    counts: new Map(),
    sentIds: new Set(),
    violations: new Set(),
    inconclusive: [],
  };
  const endMs = startedMs + run.options.minutes * 60_000;
  try {
    await unlessInconclusive(tally, async () => {
      await using opening = new AsyncDisposableStack();
      const world = await openWorld(opening, { run, directory });
      await unlessInconclusive(tally, () => playRounds(world, tally, { run, endMs }));
      await lookAtRest(world, tally);
    });
  } catch (error) {
    // Interrupted, or a fault of the suite itself: there is no report that could name the logs.
    await rm(directory, { recursive: true });
    throw error;
  }

  const { rounds, leakedAtRest, counts, violations, inconclusive } = tally;
  const report: Report = {
    options: run.options,
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

async function unlessInconclusive(tally: Tally, go: () => Promise<void>): Promise<void> {
  try {
    await go();
  } catch (error) {
    if (!(error instanceof Inconclusive)) throw error;
    tally.inconclusive.push(error.message);
  }
}

async function playRounds(
  world: World,
  tally: Tally,
  { run, endMs }: { run: ChaosRun; endMs: number },
): Promise<void> {
  do {
    const chosen = faults.filter(({ name }) => run.options.faults.includes(name));
    for (const fault of shuffled(chosen, world.random)) {
      try {
        const { counts, violations, drainedMs } = await play(world, fault);
        tally.counts.set(fault.name, [...(tally.counts.get(fault.name) ?? []), counts]);
        for (const sentence of violations) tally.violations.add(`${fault.name}: ${sentence}`);
        const { hits, messages } = counts;
        const drained = (drainedMs / 1000).toFixed(1);
        run.progress(
          `${fault.name}: hit ${hits} times, ${messages} messages, drained in ${drained} s`,
        );
      } finally {
        await world.producer.pause();
        for (const { messageId } of world.producer.sent) tally.sentIds.add(messageId);
      }
    }
    tally.rounds += 1;
  } while (performance.now() < endMs);
}

/** What can only be seen when all is over: the database as a whole, and PostgreSQL's files. */
async function lookAtRest({ stage, scanner }: World, tally: Tally): Promise<void> {
  stage.hooks = {};
  await stage.postgres.start();
  for (const sentence of await checkDatabase(stage, tally.sentIds)) tally.violations.add(sentence);
  await stage.query("CHECKPOINT");
  const leaks = await scanner.scanBelow(stage.postgres.dataDirectory);
  tally.leakedAtRest = leaks.length;
  for (const leak of leaks) tally.violations.add(describeLeak(leak));
}

async function openWorld(
  opening: AsyncDisposableStack,
  { run, directory }: { run: ChaosRun; directory: string },
): Promise<World> {
  const { options } = run;
  const random = createRandom(options.seed);
  const chosen = await chooseContract(options.contract);
  const canaries = createCanaries(chosen.contract);
  const journal = openJournal(join(directory, "faults.jsonl"));
  const { server, kind, vault, rate, rttMs, workers } = options;
  const stage = opening.use(
    await openStage({ ...chosen, directory, server, kind, vault, consumers, workers, rttMs }),
  );
  const fleet = opening.use(
    startFleet({
      size: consumers,
      directory,
      journal,
      launch: (consumer) => ({ env: stage.consumerEnv(consumer), preload: run.preload }),
    }),
  );
  const producer = createProducer({
    contract: chosen.contract,
    admin: stage.admin,
    queueUrl: stage.queueUrl,
    fifo: kind === "fifo",
    rate,
    random,
    canaries,
  });
  opening.defer(() => producer.pause());
  const watch = opening.use(await startWatch(directory, { stage, fleet }));
  await waitFor(
    "the consumers consume",
    () => {
      if (fleet.crashes.length > 0)
        throw new Inconclusive("a consumer ended as soon as it started");
      return fleet.isReady();
    },
    run,
  );
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
