import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { BenchResult } from "../src/rounds.ts";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));

// Seven seconds of CPU: a minute where many tests share two cores.
test("a quick run counts every message of ours and of the natural solution", async () => {
  const args = [
    "--conditions=@org/source",
    main,
    "--json",
    "--rounds",
    "1",
    "--seconds",
    "0.2",
    "--scale",
    "0.05",
  ];
  const only = ["natural", "ours", "ours-vault"].flatMap((name) => [
    "--only",
    `end-to-end/${name}`,
  ]);
  const { stdout } = await promisify(execFile)(process.execPath, [...args, ...only]);
  const { results } = JSON.parse(stdout) as { results: BenchResult[] };
  const outcomes = results[0]?.candidates.map(({ name, rounds, disqualified }) => [
    name,
    rounds.length,
    disqualified,
  ]);
  expect(outcomes).toEqual([
    ["natural", 1, null],
    ["ours", 1, null],
    ["ours-vault", 1, null],
  ]);
}, 180_000);
