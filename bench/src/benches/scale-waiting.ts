/** Memory by queue depth: 10 thousand messages waiting at any time, or a million. */
import type { Bench, Candidate } from "../bench.ts";
import { measureContender } from "../contender.ts";
import { ours } from "../contenders.ts";
import { openStage } from "../stage.ts";

export const scaleWaiting: Bench = {
  name: "scale-waiting",
  title: "Messages that wait at any time",
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
  async open({ scale, seconds }) {
    const stage = await openStage();
    const candidate = (name: string, label: string, waiting: number): Candidate => ({
      name,
      label,
      measure: async () =>
        measureContender(ours.vaultOn, stage, { seconds, waiting: waiting * scale }),
    });
    return {
      candidates: [
        candidate("10k", "10 thousand waiting", 10_000),
        candidate("1m", "1 million waiting", 1_000_000),
      ],
      [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
    };
  },
};
