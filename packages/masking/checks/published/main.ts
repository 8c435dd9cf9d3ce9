/**
 * Publishes the package to a local registry and installs it from there into empty projects, one for
 * each way in which it is used; see consumer/ for what they do with it.
 */

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startRegistry } from "./registry.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const nodeMajors = ["20", "22", "24", "26"] as const;
const typescript = "6.0.3";

/** What the projects are run with; each Node is the binary that the package `node` would install. */
const tools: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    nodeMajors.map((major) => [
      `node${major}`,
      `npm:node-${process.platform}-${process.arch}@${major}`,
    ]),
  ),
  "@types/node": "24.19.2",
  bun: "1.4.5",
  deno: "2.9.6",
  typescript,
  verdaccio: "6.10.4",
};

// By this variable of pnpm's the projects would find what is installed in this repository.
delete process.env["NODE_PATH"];

const directory = await mkdtemp(join(tmpdir(), "published-"));
const bin = join(directory, "tools/node_modules");
let passed = 0;
let failed = 0;

async function check(name: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
    passed += 1;
    process.stdout.write(`ok     ${name}\n`);
  } catch (error) {
    failed += 1;
    process.stdout.write(`failed ${name}\n${inspect(error)}\n`);
  }
}

/** What a failed command said, which its error's message leaves out. */
function inspect(error: unknown): string {
  const { stdout, stderr } = error as { stdout?: string; stderr?: string };
  return [error instanceof Error ? error.message : "", stdout, stderr].join("\n");
}

/** An empty project with the consumer's files and vectors, where `type` says what a `.ts` or `.js` is. */
async function newProject(name: string, type: "commonjs" | "module"): Promise<string> {
  const project = join(directory, name);
  await mkdir(project);
  await cp(join(root, "checks/published/consumer"), project, { recursive: true });
  for (const file of ["tokens.json", "records.json"]) {
    await cp(join(root, "vectors", file), join(project, file));
  }
  await writeFile(join(project, "package.json"), JSON.stringify({ private: true, type }));
  return project;
}

const compile = (project: string, options: readonly string[]): Promise<unknown> => {
  const common = ["--noEmit", "--strict", "--target", "es2022", "--skipLibCheck", "false"];
  const tsc = join(bin, "typescript/bin/tsc");
  return run(process.execPath, [tsc, ...common, ...options, "node.ts"], { cwd: project });
};

const types = join(bin, "@types");
const nodeTypes = ["--types", "node", "--typeRoots", types, "--lib", "es2022"];
const node16 = ["--module", "node16", "--moduleResolution", "node16"];
const bundler = ["--module", "esnext", "--moduleResolution", "bundler"];

try {
  await mkdir(join(directory, "tools"));
  // verdaccio asks for node-fetch by a tag that some mirrors do not carry.
  const overrides = { "node-fetch": "2.7.0" };
  const manifest = JSON.stringify({ private: true, dependencies: tools, overrides });
  await writeFile(join(directory, "tools/package.json"), manifest);
  const quiet = ["--no-audit", "--no-fund", "--loglevel", "error"];
  await run("npm", ["install", ...quiet], { cwd: join(directory, "tools") });

  const verdaccio = join(bin, "verdaccio/bin/verdaccio");
  await using registry = await startRegistry(verdaccio, join(directory, "registry"));
  const userConfig = join(directory, "npmrc");
  const { host } = new URL(registry.url);
  await writeFile(userConfig, `registry=${registry.url}\n//${host}/:_authToken=anyone\n`);
  const env = {
    ...process.env,
    NPM_CONFIG_USERCONFIG: userConfig,
    npm_config_registry: registry.url,
    NPM_CONFIG_REGISTRY: registry.url,
    DENO_DIR: join(directory, "deno"),
    BUN_INSTALL_CACHE_DIR: join(directory, "bun"),
  };

  await check("is published", () =>
    run("npm", ["publish", "--ignore-scripts", "--no-provenance", ...quiet], { cwd: root, env }),
  );

  for (const type of ["module", "commonjs"] as const) {
    const project = await newProject(type, type);
    await check(`npm installs it into an empty project (${type})`, () =>
      run("npm", ["install", "@org/masking", ...quiet], { cwd: project, env }),
    );
    const entry = type === "module" ? "esm.mjs" : "cjs.cjs";
    for (const major of nodeMajors) {
      const node = join(bin, `node${major}`, "bin/node");
      await check(`Node ${major} runs it (${type})`, () => run(node, [entry], { cwd: project }));
    }
    for (const [resolution, options] of Object.entries({ node16, bundler })) {
      await check(`TypeScript ${typescript} compiles it (${type}, ${resolution})`, () =>
        compile(project, [...options, ...nodeTypes]),
      );
    }
  }

  const bun = join(bin, "bun/bin/bun.exe");
  const bunProject = await newProject("bun", "module");
  await check("Bun installs and runs it", async () => {
    await run(bun, ["add", "@org/masking"], { cwd: bunProject, env });
    await run(bun, ["esm.mjs"], { cwd: bunProject });
    await run(bun, ["cjs.cjs"], { cwd: bunProject });
  });

  const deno = join(bin, "deno/deno");
  const denoProject = await newProject("deno", "module");
  await check("Deno installs and runs it", async () => {
    // It was published a moment ago, and Deno waits a day before it trusts a version.
    const adding = ["add", "--minimum-dependency-age", "0", "npm:@org/masking"];
    await run(deno, adding, { cwd: denoProject, env });
    await run(deno, ["run", "--allow-read", "esm.mjs"], { cwd: denoProject, env });
  });
} finally {
  await rm(directory, { recursive: true });
}

process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
