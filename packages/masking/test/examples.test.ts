import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const run = promisify(execFile);
const root = new URL("../", import.meta.url);

/** Every example in the documentation comments, with the output that its comments promise. */
async function examples(): Promise<{ name: string; code: string; output: string[] }[]> {
  const files = await readdir(new URL("src/", root), { recursive: true });
  const found = await Promise.all(
    files
      .filter((file) => file.endsWith(".ts"))
      .map(async (file) => {
        const text = await readFile(new URL(`src/${file}`, root), "utf8");
        const blocks = text.matchAll(
          /@example\n \* ```ts\n([\s\S]*?) \* ```[\s\S]*?\*\/\n([^{(=]*)/g,
        );
        return Array.from(blocks, ([, block = "", declaration = ""]) => ({
          name: `${file}: ${declaration.trim()}`,
          code: block.replaceAll(/^ \* ?/gm, ""),
          output: Array.from(
            block.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm),
            ([, line = ""]) => line,
          ),
        }));
      }),
  );
  return found.flat();
}

const all = await examples();

describe("the example of", () => {
  test.concurrent.each(all)("$name runs and prints what it says", async ({ code, output }) => {
    const { stdout } = await run(
      process.execPath,
      ["--conditions=@org/source", "--input-type=module-typescript", "--eval", code],
      { cwd: root },
    );
    expect(output.length).toBeGreaterThan(0);
    expect(stdout.trimEnd().split("\n")).toEqual(output);
  });
});

test("every exported function has an example", async () => {
  const named = all.map(({ name }) => name).join("\n");
  const entries = ["index", "keyring", "seal", "unseal", "web", "kms"];
  const modules = await Promise.all(
    entries.map((entry) => import(new URL(`src/${entry}.ts`, root).href) as Promise<object>),
  );
  const functions = modules.flatMap((module) =>
    Object.entries(module).flatMap(([name, value]) => (typeof value === "function" ? [name] : [])),
  );
  expect(functions.length).toBeGreaterThan(10);
  for (const name of functions) expect(named).toMatch(new RegExp(`\\b${name}\\b`));
});
