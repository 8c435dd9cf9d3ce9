/** docs/performance: the figures as JSON, and the tables and charts drawn from them. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chartOf } from "./chart.ts";
import type { Machine } from "./machine.ts";
import type { BenchResult } from "./rounds.ts";
import { claimsTable, figuresTable } from "./tables.ts";

export interface Recorded {
  readonly machine: Machine;
  readonly result: BenchResult;
}

const documents = new URL("../../docs/", import.meta.url);
const resultsFile = fileURLToPath(new URL("performance/results.json", documents));
const page = fileURLToPath(new URL("performance.md", documents));

/** Replaces the bench's earlier figures. */
export async function saveResult(recorded: Recorded): Promise<void> {
  const others = (await readResults()).filter(({ result }) => result.name !== recorded.result.name);
  await writeFile(resultsFile, `${JSON.stringify([...others, recorded], null, 2)}\n`);
}

/** Draws what the page shows between `<!-- bench NAME -->` and `<!-- /bench -->`, and the charts beside it. */
export async function drawDocuments(): Promise<void> {
  let text = await readFile(page, "utf8");
  for (const { machine, result } of await readResults()) {
    const chart = await chartOf(result);
    if (chart)
      await writeFile(fileURLToPath(new URL(`performance/${result.name}.svg`, documents)), chart);
    const block = new RegExp(`(<!-- bench ${result.name} -->\\n).*?(<!-- /bench -->)`, "s");
    text = text.replace(
      block,
      (_, start: string, end: string) => `${start}\n${section({ machine, result })}\n${end}`,
    );
  }
  await writeFile(page, text);
}

function section({ machine, result }: Recorded): string {
  const rounds = Math.max(...result.candidates.map((candidate) => candidate.rounds.length));
  const context = `${result.measuredAt.slice(0, 10)}, commit ${machine.commit ?? "unknown"}, ${rounds} rounds, load average before: ${result.loadBefore.toFixed(1)}.`;
  const claims = result.claims.length > 0 ? `\n${claimsTable(result)}\n` : "";
  return `${figuresTable(result)}\n${claims}\n${context}\n`;
}

async function readResults(): Promise<Recorded[]> {
  const text = await readFile(resultsFile, "utf8").catch(() => "[]");
  return JSON.parse(text) as Recorded[];
}
