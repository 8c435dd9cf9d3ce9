/** `recover erasure list`: what has to be erased again where a backup of before is restored. */

import { Command } from "commander";
import { openRecovery } from "../compose.ts";
import type { Edge } from "../edge.ts";
import { day } from "../option-values.ts";
import { printableJson } from "@org/recovery";

const pageRecords = 1_000;
const nil = "00000000-0000-0000-0000-000000000000";

export function erasureList(edge: Edge): Command {
  return new Command("list")
    .description("print every erased record as a JSON line: id, day, contract")
    .requiredOption("--since <date>", "only of this day (UTC) or later", day)
    .addHelpText(
      "after",
      `
For custodians and auditors. A database that is restored to a time before has these records again:
keep the list outside of it, and erase them anew.

Example:
  pnpm -s recover erasure list --since 2026-05-01 > erased.jsonl`,
    )
    .action((options: { readonly since: string }) => list(edge, options.since));
}

async function list(edge: Edge, since: string): Promise<void> {
  await using recovery = openRecovery(edge);
  for (let [day, after] = [since, nil]; ;) {
    const page = await recovery.erasure.list(day, { after, limit: pageRecords });
    for (const { recordId, erasedOn, contract } of page) {
      const line = { record: recordId, erased_on: erasedOn, contract };
      edge.stdout.write(`${printableJson(line)}\n`);
    }
    const last = page.at(-1);
    if (last === undefined) return;
    [day, after] = [last.erasedOn, last.recordId];
  }
}
