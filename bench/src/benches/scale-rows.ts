/** Throughput with rows present in the month being written: empty, 1 million, 10 million. */
import { openBenchDatabase, startBenchPostgres } from "../bench-database.ts";
import type { Bench, Candidate } from "../bench.ts";
import { measureContender } from "../contender.ts";
import { ours } from "../contenders.ts";
import { openStage } from "../stage.ts";

const levels = [
  { rows: 0, name: "0", label: "empty" },
  { rows: 1_000_000, name: "1m", label: "1 million rows" },
  { rows: 10_000_000, name: "10m", label: "10 million rows" },
] as const;

const modes = [
  { name: "off", contender: ours.vaultOff },
  { name: "on", contender: ours.vaultOn },
] as const;

export const scaleRows: Bench = {
  name: "scale-rows",
  title: "Rows present in the month being written",
  unit: "messages",
  baseline: "off-0",
  isLong: true,
  claims: [
    { text: "10 million rows ≥ 0.7 × empty, vault off", of: "off-10m", to: "off-0", atLeast: 0.7 },
    { text: "10 million rows ≥ 0.7 × empty, vault on", of: "on-10m", to: "on-0", atLeast: 0.7 },
  ],
  async open({ scale, seconds }) {
    await using opening = new AsyncDisposableStack();
    const postgres = opening.use(await startBenchPostgres());
    const candidates: Candidate[] = [];
    for (const { rows, name, label } of levels) {
      const database = opening.use(await openBenchDatabase(postgres, Math.ceil(rows * scale)));
      const stage = opening.use(await openStage({ database }));
      for (const mode of modes) {
        candidates.push({
          name: `${mode.name}-${name}`,
          label: `vault ${mode.name}, ${label}`,
          measure: async () => measureContender(mode.contender, stage, { seconds }),
        });
      }
    }
    const opened = opening.move();
    return { candidates, [Symbol.asyncDispose]: () => opened.disposeAsync() };
  },
};
