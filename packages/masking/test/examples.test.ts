import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const run = promisify(execFile);
const root = new URL("../", import.meta.url);

interface Example {
  readonly name: string;
  readonly code: string;
  readonly output: readonly string[];
}

/** Every example in the documentation comments, with the output that its comments promise. */
async function examples(): Promise<Example[]> {
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
          output: promisedOutput(block),
        }));
      }),
  );
  return found.flat();
}

/** The README's, each a program of its own. */
async function readmeExamples(): Promise<Example[]> {
  const text = await readFile(new URL("README.md", root), "utf8");
  return Array.from(text.matchAll(/```ts\n([\s\S]*?)```/g), ([, code = ""], index) => ({
    name: `README.md, number ${index + 1}`,
    code,
    output: promisedOutput(code),
  }));
}

/** What the comments behind console.log say. */
const promisedOutput = (code: string): string[] =>
  Array.from(code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm), ([, line = ""]) => line);

/** Where the examples find their temporary directory, so that nothing of theirs stays behind. */
let temporary: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "examples-"));
});
afterAll(() => rm(temporary, { recursive: true }));

const all = [...(await examples()), ...(await readmeExamples())];

describe("the example of", () => {
  test.concurrent.each(all)("$name runs and prints what it says", async ({ code, output }) => {
    const { stdout } = await run(
      process.execPath,
      ["--conditions=@org/source", "--input-type=module-typescript", "--eval", code],
      { cwd: root, env: { ...process.env, TMPDIR: temporary } },
    );
    expect(output.length).toBeGreaterThan(0);
    expect(stdout.trimEnd().split("\n")).toEqual(output);
  });
});

test("every exported function has an example", async () => {
  const named = all.map(({ name }) => name).join("\n");
  const entries = ["index", "keyring", "seal", "unseal", "kms"];
  const modules = await Promise.all(
    entries.map((entry) => import(new URL(`src/${entry}.ts`, root).href) as Promise<object>),
  );
  const functions = modules.flatMap((module) =>
    Object.entries(module).flatMap(([name, value]) => (typeof value === "function" ? [name] : [])),
  );
  expect(functions.length).toBeGreaterThan(10);
  for (const name of functions) expect(named).toMatch(new RegExp(`\\b${name}\\b`));
});
