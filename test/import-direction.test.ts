/** What CONTRIBUTING.md says of imports is what the linter does. */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const repository = fileURLToPath(new URL("../", import.meta.url));

const packages = await readdir(join(repository, "packages"));

const refused: readonly Import[] = [
  ...packages.map((name): Import => ["packages/sqs/src/b.ts", `import "@org/${name}/x";`]),
  ["packages/schema/src/a.ts", `import type { Row } from "@org/db";`],
  ["packages/settings/src/a.ts", `import type { Contract } from "@org/schema";`],
  ["packages/run-metrics/src/a.ts", `import type { Contract } from "@org/schema";`],
  ["packages/faults/src/a.ts", `import { openQueue } from "@org/sqs";`],
  ["packages/masking/src/a.ts", `import type { Login } from "@org/schema";`],
  ["packages/sqs/src/a.ts", `import { tokenize } from "../../masking/src/index.ts";`],
  ["packages/sqs/src/a.ts", `import { connect } from "@org/db/writer";`],
  ["apps/demo/src/a.ts", `import { migrate } from "@org/db";`],
  ["packages/local/src/a.ts", `export * from "../../../apps/consumer/src/run.ts";`],
  ["packages/db/src/a.ts", `import { canonicalize } from "../../masking/src/index.ts";`],
  ["packages/db/src/a.ts", `import type { Sealed } from "../../masking/src/index.ts";`],
  ["packages/db/src/recovery/a.ts", `import { seal } from "../../../masking/dist/index.js";`],
  ["packages/db/src/a.ts", `import { tokenize } from "@org/masking";`],
  ["packages/db/src/a.ts", `import { isToken, type Token } from "@org/masking";`],
  ["packages/db/src/a.ts", `import { createSealer } from "@org/masking/seal";`],
  ["packages/db/src/a.ts", `import { openKms } from "@org/masking/kms";`],
  ["packages/db/src/a.ts", `export { createUnsealer } from "@org/masking/unseal";`],
  ["packages/db/src/a.ts", `import { sampleMessages } from "../../schema/src/index.ts";`],
  ["packages/db/src/a.ts", `import { startPostgres } from "@org/local";`],
  ["apps/consumer/src/stages/a.ts", `import { openQueue } from "@org/sqs";`],
  ["apps/consumer/src/stages/a.ts", `import { connectWriter } from "@org/db/writer";`],
  ["apps/consumer/src/stages/a.ts", `import { drizzle } from "drizzle-orm/node-postgres";`],
  ["apps/consumer/src/stages/a.ts", `import { Pool } from "pg";`],
  ["apps/consumer/src/stages/a.ts", `import { KMSClient } from "@aws-sdk/client-kms";`],
  ["apps/consumer/src/stages/a.ts", `import { loadKeyring } from "@org/masking/keyring";`],
  ["apps/consumer/src/stages/a.ts", `import { createUnsealer } from "@org/masking/unseal";`],
  ["apps/consumer/src/stages/a.ts", `import { sign } from "../../../recover/src/signing.ts";`],
  [
    "apps/consumer/src/stages/a.ts",
    `import { open } from "../../../../packages/sqs/src/index.ts";`,
  ],
  ["apps/consumer/src/run.ts", `import { startPostgres } from "@org/local";`],
  ["apps/consumer/src/compose.ts", `import { startFaultProxy } from "@org/faults";`],
  ["apps/consumer/src/compose.ts", `import { createUnsealer } from "@org/masking/unseal";`],
  ["apps/consumer/src/compose.ts", `import { openQueue } from "@org/sqs/src/index.ts";`],
  ["apps/consumer/src/stages/a.ts", `await import("@org/sqs");`],
  ["apps/recover/src/commands/a.ts", `import { connectRecovery } from "@org/db";`],
  ["apps/recover/src/commands/a.ts", `import { createApp } from "console/pages";`],
  ["packages/recovery/src/open/a.ts", `import { connectRecovery } from "@org/db";`],
  ["packages/recovery/src/open/a.ts", `import { S3Client } from "@aws-sdk/client-s3";`],
  ["apps/demo/src/a.ts", `import { run } from "../../consumer/src/run.ts";`],
];

const allowed: readonly Import[] = [
  ["packages/sqs/src/a.ts", `import { openQueue } from "./open-queue.ts";`],
  ["packages/local/src/a.ts", `import { leashChild } from "./leash.ts";`],
  ["apps/demo/src/recover/a.ts", `import { startPostgres } from "@org/local";`],
  ["packages/schema/src/a.ts", `import { isCanonicalizable } from "@org/masking";`],
  ["packages/local/src/a.ts", `import { sampleMessages } from "@org/schema";`],
  ["packages/faults/src/a.ts", `import { startQueueServer } from "@org/local";`],
  ["packages/db/src/a.ts", `import type { Token } from "@org/masking";`],
  ["packages/db/src/a.ts", `import { loadContract } from "@org/schema";`],
  ["packages/db/src/command/a.ts", `import { readSettings } from "@org/settings";`],
  ["packages/db/src/command/a.ts", `import { recordRun } from "@org/run-metrics";`],
  ["apps/consumer/src/stages/a.ts", `import { createParser } from "@org/schema";`],
  ["apps/consumer/src/stages/a.ts", `import { isCanonicalizable } from "@org/masking";`],
  ["apps/consumer/src/stages/a.ts", `import type { BatchSealer } from "@org/masking/seal";`],
  ["apps/consumer/src/stages/a.ts", `import type { WriteBatch } from "@org/db/writer";`],
  ["apps/consumer/src/stages/a.ts", `import { createBuffer } from "../buffer.ts";`],
  ["apps/consumer/src/compose.ts", `import { connectWriter } from "@org/db/writer";`],
  ["apps/consumer/src/compose.ts", `import { loadKeyring } from "@org/masking/keyring";`],
  ["apps/recover/src/compose.ts", `import { createUnsealer } from "@org/masking/unseal";`],
  ["apps/recover/src/console/a.ts", `import { createApp } from "console/pages";`],
];

type Import = readonly [file: string, statement: string];

/** Lints files of these imports, a line each, where they would stand in the repository. */
async function lint(imports: readonly Import[]): Promise<Import[]> {
  const house = await mkdtemp(join(tmpdir(), "maskline-house-"));
  onTestFinished(() => rm(house, { recursive: true }));
  await copyFile(join(repository, "oxlint.config.ts"), join(house, "oxlint.config.ts"));
  const files = Map.groupBy(imports, ([file]) => file);
  for (const [file, lines] of files) {
    await mkdir(dirname(join(house, file)), { recursive: true });
    await writeFile(join(house, file), lines.map(([, statement]) => statement).join("\n"));
  }
  const { diagnostics } = JSON.parse(await oxlint(house)) as Report;
  // A file that does not parse is not linted: its imports would count as allowed.
  expect(diagnostics.filter(({ code }) => code === undefined)).toEqual([]);
  return diagnostics
    .filter(({ code }) => code === "eslint(no-restricted-imports)")
    .map(({ filename, labels }) => files.get(filename)?.[(labels[0]?.span.line ?? 0) - 1])
    .filter((each) => each !== undefined);
}

interface Report {
  readonly diagnostics: readonly {
    readonly code?: string;
    readonly filename: string;
    readonly labels: readonly { readonly span: { readonly line: number } }[];
  }[];
}

/** It exits with 1 where it found something. */
function oxlint(cwd: string): Promise<string> {
  const program = join(repository, "node_modules/.bin/oxlint");
  return new Promise((resolve) => {
    execFile(program, ["--format", "json"], { cwd }, (_, stdout) => resolve(stdout));
  });
}

test("lint refuses each import against the direction", async () => {
  const found = new Set(await lint(refused));
  expect(refused.filter((each) => !found.has(each))).toEqual([]);
});

test("lint refuses no import along it", async () => {
  expect(await lint(allowed)).toEqual([]);
});
