/** `pnpm bench`: runs the benches, prints what they show. */
import { benches } from "./benches.ts";
import type { Bench } from "./bench.ts";
import { describeMachine, type Machine } from "./machine.ts";
import { help, type Options, readOptions } from "./options.ts";
import { drawDocuments, saveResult } from "./record.ts";
import { type BenchResult, runBench } from "./rounds.ts";
import { claimsTable, figuresTable } from "./tables.ts";

const exit = { done: 0, usage: 2 } as const;

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  const chosen = options && choose(options);
  if (!options || !chosen) {
    process.stderr.write(help);
    return exit.usage;
  }
  if (options.help) process.stdout.write(help);
  else if (options.list)
    process.stdout.write(benches.map(({ name, title }) => `${name}: ${title}\n`).join(""));
  else if (options.chart) await drawDocuments();
  else await run(chosen, options);
  return exit.done;
}

async function run(chosen: readonly Bench[], options: Options): Promise<void> {
  const machine = await describeMachine();
  if (!options.json) process.stdout.write(machineText(machine));
  const results: BenchResult[] = [];
  for (const bench of chosen) {
    const isWanted = (candidate: string): boolean => isNamed(options.only, bench.name, candidate);
    const result = await runBench(bench, { ...options, isWanted, onStep });
    results.push(result);
    if (!options.json) process.stdout.write(resultText(result));
    if (options.save) await saveResult({ machine, result });
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ machine, results })}\n`);
  if (options.save) await drawDocuments();
}

/** Null if a name is not one of a bench. */
function choose({ only, all }: Options): readonly Bench[] | null {
  if (only.length === 0) return benches.filter(({ isLong }) => all || !isLong);
  const names = new Set(only.map((name) => name.split("/")[0]));
  const chosen = benches.filter(({ name }) => names.has(name));
  return chosen.length === names.size ? chosen : null;
}

function isNamed(only: readonly string[], bench: string, candidate: string): boolean {
  return only.length === 0 || only.includes(bench) || only.includes(`${bench}/${candidate}`);
}

function onStep(text: string): void {
  process.stderr.write(`${text}\n`);
}

function machineText({ cpu, cores, memoryGb, system, node, postgres }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGb} GB, ${system}, Node ${node}, PostgreSQL ${postgres}\n`;
}

function resultText(result: BenchResult): string {
  const claims = result.claims.length > 0 ? `\n${claimsTable(result)}\n` : "";
  return `\n## ${result.title}\n\nload before: ${result.loadBefore.toFixed(1)}\n\n${figuresTable(result)}\n${claims}`;
}

process.exitCode = await main(process.argv.slice(2));
