import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

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

/** Between the output of one example and of the next. */
const separator = "--- next example ---";

/**
 * Runs the examples that it reads from its input, in one process, since starting one for each takes
 * longer than all of them together. To Node they are files in the package's own directory.
 */
const runner = `
  import { registerHooks } from "node:module";
  import { json } from "node:stream/consumers";

  const sources = new Map(Object.entries(await json(process.stdin)));
  registerHooks({
    resolve: (specifier, context, next) =>
      sources.has(specifier) ? { url: specifier, shortCircuit: true } : next(specifier, context),
    load: (url, context, next) =>
      sources.has(url)
        ? { format: "module-typescript", source: sources.get(url), shortCircuit: true }
        : next(url, context),
  });
  for (const url of sources.keys()) {
    await import(url).catch(({ stack }) => console.log(stack));
    console.log("${separator}");
  }
`;

/** What each example prints. */
async function outputsOf(examples: readonly Example[]): Promise<string[]> {
  const temporary = await mkdtemp(join(tmpdir(), "examples-"));
  try {
    const running = run(
      process.execPath,
      ["--conditions=@org/source", "--input-type=module", "--eval", runner],
      { cwd: root, env: { ...process.env, TMPDIR: temporary } },
    );
    const sources = examples.map(({ code }, at) => [new URL(`example-${at}.ts`, root).href, code]);
    running.child.stdin?.end(JSON.stringify(Object.fromEntries(sources)));
    return (await running).stdout.split(`${separator}\n`).map((text) => text.trimEnd());
  } finally {
    await rm(temporary, { recursive: true });
  }
}

const all = [...(await examples()), ...(await readmeExamples())];
const outputs = await outputsOf(all);

describe("the example of", () => {
  test.each(all.map((example, at) => ({ ...example, printed: outputs[at] })))(
    "$name prints what it says",
    ({ output, printed }) => {
      expect(output.length).toBeGreaterThan(0);
      expect(printed?.split("\n")).toEqual(output);
    },
  );
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
