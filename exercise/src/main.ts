/** `pnpm exercise`: the change to the message is a change to one file, and a forgotten place is noticed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { failed, mutants } from "./changes.ts";
import { copyTree, edit, removeTree } from "./tree.ts";

const asItIs = "as-it-is";

/** Many times what a run takes: only one that would never end reaches it. */
const mostMs = 1_200_000;

const help = `Usage: pnpm exercise [--only NAME]

In a copy of the tree, adds a plain and a masked field to the login contract, one line each, and
nothing else by hand; migrates a database that holds rows; sends, retries, unmasks, looks up,
rotates and erases; and compares every outcome. Then the same with each mutant, which forgets the
new field in one place: these runs have to fail.

  --only NAME   one run: ${[asItIs, ...Object.keys(mutants)].join(", ")}

Exit codes: 0 as it should be, 1 not, 2 usage.
`;

/** How a run ended: null if everything held, else with what it printed last of a claim. */
async function run(name: string): Promise<string | null> {
  const tree = await mkdtemp(join(tmpdir(), "maskline-exercise-"));
  try {
    await copyTree(tree);
    const mutant = mutants[name];
    for (const change of mutant?.edits ?? []) await edit(tree, change);
    const driver = join(tree, "exercise/src/drive.ts");
    const child = spawn(process.execPath, ["--conditions=@org/source", driver], {
      stdio: ["ignore", "pipe", mutant ? "ignore" : "inherit"],
      timeout: mostMs,
    });
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      process.stdout.write(text);
    });
    const [code] = (await once(child, "close")) as [number | null];
    return code === 0 ? null : (printed.split(`${failed} `)[1]?.trim() ?? "before any claim");
  } finally {
    await removeTree(tree);
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { only: { type: "string" }, help: { type: "boolean" } },
  });
  const known = [asItIs, ...Object.keys(mutants)];
  if (values.help === true || (values.only !== undefined && !known.includes(values.only))) {
    (values.help === true ? process.stdout : process.stderr).write(help);
    return values.help === true ? 0 : 2;
  }
  let isAsItShouldBe = true;
  for (const name of values.only === undefined ? known : [values.only]) {
    process.stdout.write(`${name}\n`);
    const end = await run(name);
    const isRight = end === (mutants[name]?.claim ?? null);
    process.stdout.write(
      `${name}: ${end === null ? "passed" : "failed"}, ${isRight ? "as it has to" : "and that is wrong"}\n\n`,
    );
    isAsItShouldBe &&= isRight;
  }
  return isAsItShouldBe ? 0 : 1;
}

process.exitCode = await main();
