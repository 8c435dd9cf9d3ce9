/** The consumer's defaults, each beside other values of the one setting; vault on. */
import type { Bench } from "../bench.ts";
import { measureContender } from "../contender.ts";
import { ours } from "../contenders.ts";
import { openStage } from "../stage.ts";

const variants: readonly (readonly [label: string, env: Record<string, string>])[] = [
  ["the defaults", {}],
  ["250 messages a batch", { MASKLINE_BATCH_SIZE: "250" }],
  ["500 messages a batch", { MASKLINE_BATCH_SIZE: "500" }],
  ["2,000 messages a batch", { MASKLINE_BATCH_SIZE: "2000" }],
  ["4,000 messages a batch", { MASKLINE_BATCH_SIZE: "4000" }],
  ["20 ms to fill a batch", { MASKLINE_BATCH_AGE_MS: "20" }],
  ["500 ms to fill a batch", { MASKLINE_BATCH_AGE_MS: "500" }],
  ["1 writer", { MASKLINE_WRITERS: "1" }],
  ["4 writers", { MASKLINE_WRITERS: "4" }],
  ["8 pollers", { MASKLINE_POLLERS: "8" }],
  ["16 pollers", { MASKLINE_POLLERS: "16" }],
  ["64 pollers", { MASKLINE_POLLERS: "64" }],
  ["4,000 messages in hand", { MASKLINE_MAX_IN_FLIGHT: "4000" }],
  ["40,000 messages in hand", { MASKLINE_MAX_IN_FLIGHT: "40000" }],
  ["young generation of 64 MB", { NODE_OPTIONS: "--max-semi-space-size=64" }],
];

export const settings: Bench = {
  name: "settings",
  title: "Settings: the defaults beside other values",
  unit: "messages",
  baseline: "the defaults",
  isLong: true,
  claims: [],
  async open({ seconds, rttMs, dbRttMs }) {
    const stage = await openStage({ rttMs, dbRttMs });
    return {
      candidates: variants.map(([label, env]) => ({
        name: label,
        label,
        measure: async () =>
          measureContender({ ...ours.vaultOn, env: { ...ours.vaultOn.env, ...env } }, stage, {
            seconds,
          }),
      })),
      [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
    };
  },
};
