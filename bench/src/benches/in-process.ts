/** Benches of plain functions: nothing to open, each warmed up by a tenth of its round. */
import type { Bench, Candidate } from "../bench.ts";
import { timed } from "../timed.ts";

export interface Subject {
  readonly name: string;
  readonly label: string;
  /** How often a round does it. */
  readonly times: number;
  /** Does it `times` times. */
  readonly work: (times: number) => void | Promise<void>;
}

export interface InProcessBench extends Omit<Bench, "open"> {
  subjects(): Promise<readonly Subject[]>;
}

export function inProcess({ subjects, ...bench }: InProcessBench): Bench {
  return {
    ...bench,
    async open({ scale }) {
      const all = await subjects();
      return {
        candidates: all.map((subject) => toCandidate(subject, scale)),
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}

function toCandidate({ name, label, times, work }: Subject, scale: number): Candidate {
  const units = Math.ceil(times * scale);
  let isWarm = false;
  return {
    name,
    label,
    async measure() {
      if (!isWarm) await work(Math.ceil(units / 10));
      isWarm = true;
      return timed(units, () => work(units));
    },
  };
}
