/** Memory by queue depth: as many messages, at most 10 thousand waiting at a time or all at once. */
import type { Bench, Candidate } from "../bench.ts";
import { measureContender } from "../contender.ts";
import { ours } from "../contenders.ts";
import { openStage } from "../stage.ts";

const messages = 1_000_000;
const shallow = 10_000;

export const scaleWaiting: Bench = {
  name: "scale-waiting",
  title: "Messages waiting: 1 million consumed, by how many of them wait at once",
  unit: "messages",
  baseline: "10k",
  isLong: true,
  claims: [
    {
      text: "peak RSS with 1 million waiting ≤ 1.2 × 10 thousand waiting",
      of: "1m",
      to: "10k",
      metric: "peakRss",
      atMost: 1.2,
    },
  ],
  async open({ scale }) {
    const stage = await openStage();
    const candidate = (name: string, label: string, parts: number): Candidate => ({
      name,
      label,
      measure: async () =>
        measureContender(ours.vaultOn, stage, { warmUp: 1_000, messages: messages * scale, parts }),
    });
    return {
      candidates: [
        candidate("10k", "10 thousand waiting", (messages * scale) / shallow),
        candidate("1m", "1 million waiting", 1),
      ],
      [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
    };
  },
};
