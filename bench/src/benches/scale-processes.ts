/** Throughput by consumer processes on one queue and one database. */
import type { Bench, Candidate } from "../bench.ts";
import { type Contender, measureContender } from "../contender.ts";
import { ours } from "../contenders.ts";
import { openStage } from "../stage.ts";

export const scaleProcesses: Bench = {
  name: "scale-processes",
  title: "Consumer processes on one queue",
  unit: "messages",
  baseline: "off-1",
  isLong: true,
  claims: [],
  async open({ seconds }) {
    const stage = await openStage();
    const candidate = (contender: Contender, mode: string, processes: number): Candidate => ({
      name: `${mode}-${processes}`,
      label: `vault ${mode}, ${processes} ${processes === 1 ? "process" : "processes"}`,
      measure: async () => measureContender({ ...contender, processes }, stage, { seconds }),
    });
    return {
      candidates: [1, 2, 4].flatMap((processes) => [
        candidate(ours.vaultOff, "off", processes),
        candidate(ours.vaultOn, "on", processes),
      ]),
      [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
    };
  },
};
