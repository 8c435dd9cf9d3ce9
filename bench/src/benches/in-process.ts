/** Benches of plain functions: each subject in a process of its own, since one leaves its types and its garbage to the next. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Bench, Candidate, Measurement } from "../bench.ts";
import { timed } from "../timed.ts";

export interface Subject {
  readonly name: string;
  readonly label: string;
  /** How often a round does it. */
  readonly times: number;
  /** Does it `times` times. */
  readonly work: (times: number) => void | Promise<void>;
}

export interface InProcessBench extends Bench {
  readonly subjects: () => Promise<readonly Subject[]>;
}

const processFile = fileURLToPath(new URL("./in-process-subject.ts", import.meta.url));

export function inProcess(bench: Omit<InProcessBench, "open">): InProcessBench {
  return {
    ...bench,
    async open({ scale }) {
      const subjects = await bench.subjects();
      return {
        candidates: subjects.map(({ name, label, times }): Candidate => ({
          name,
          label,
          measure: async () => measureInChild(bench.name, name, Math.ceil(times * scale)),
        })),
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}

async function measureInChild(bench: string, subject: string, times: number): Promise<Measurement> {
  const child = fork(processFile, [bench, subject, String(times)]);
  const [measurement] = (await once(child, "message")) as [Measurement];
  await once(child, "exit");
  return measurement;
}

/** Warms the subject up with a third of a round, then times a round. */
export async function measureHere(
  bench: InProcessBench,
  name: string,
  times: number,
): Promise<Measurement> {
  const subject = (await bench.subjects()).find((known) => known.name === name);
  if (!subject) throw new Error(`The bench ${bench.name} has no ${name}.`);
  await subject.work(Math.ceil(times / 3));
  return timed(times, () => subject.work(times));
}
