/** Interleaved rounds: each candidate once a round, in an order that moves on, so that drift of the machine meets all alike. */
import { loadavg } from "node:os";
import {
  type Bench,
  type BenchSettings,
  type Candidate,
  Disqualified,
  type Measurement,
} from "./bench.ts";

export interface CandidateResult {
  readonly name: string;
  readonly label: string;
  readonly rounds: readonly Measurement[];
  readonly skipped: string | null;
  readonly disqualified: string | null;
}

export interface BenchResult {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly baseline: string;
  readonly claims: Bench["claims"];
  readonly candidates: readonly CandidateResult[];
  readonly measuredAt: string;
  /** The machine's one-minute load average before the first round. */
  readonly loadBefore: number;
}

export interface RoundOptions extends BenchSettings {
  readonly rounds: number;
  readonly isWanted: (candidate: string) => boolean;
  readonly onStep: (text: string) => void;
}

interface Running {
  readonly candidate: Candidate;
  readonly rounds: Measurement[];
  disqualified: string | null;
}

export async function runBench(bench: Bench, options: RoundOptions): Promise<BenchResult> {
  const [loadBefore = Number.NaN] = loadavg();
  await using opened = await bench.open(options);
  const wanted = opened.candidates.filter(({ name }) => options.isWanted(name));
  const all = wanted.map((candidate): Running => ({ candidate, rounds: [], disqualified: null }));
  const able = all.filter(({ candidate }) => !candidate.skipped);

  for (let round = 0; round < options.rounds; round += 1) {
    for (const running of rotated(able, round)) {
      if (running.disqualified !== null) continue;
      options.onStep(
        `${bench.name}: round ${round + 1} of ${options.rounds}, ${running.candidate.label}`,
      );
      await measure(running);
    }
  }
  const { name, title, unit, baseline, claims } = bench;
  return {
    name,
    title,
    unit,
    baseline,
    claims,
    candidates: all.map(({ candidate, rounds, disqualified }) => ({
      name: candidate.name,
      label: candidate.label,
      rounds,
      skipped: candidate.skipped ?? null,
      disqualified,
    })),
    measuredAt: new Date().toISOString(),
    loadBefore,
  };
}

async function measure(running: Running): Promise<void> {
  try {
    running.rounds.push(await running.candidate.measure());
  } catch (error) {
    if (!(error instanceof Disqualified)) throw error;
    running.disqualified = error.message;
  }
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
