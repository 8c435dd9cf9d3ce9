import { execFile } from "node:child_process";
import { chmod, cp, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { openPostgresHome } from "../src/postgres-home.ts";

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

it.runIf(isRoot)("hands root's server to another user, who owns the directory", async () => {
  await using home = await openPostgresHome();
  const { uid } = await stat(home.directory);
  expect(uid).not.toBe(0);
  expect(home.account?.uid).toBe(uid);
});

it.runIf(isRoot)("copies programs that the other user cannot reach", async () => {
  await using home = await openPostgresHome();
  await using cleanUp = new AsyncDisposableStack();
  const locked = await mkdtemp(join(tmpdir(), "locked-"));
  cleanUp.defer(() => rm(locked, { recursive: true }));
  await cp(dirname(dirname(home.postgres)), locked, { recursive: true, verbatimSymlinks: true });
  await chmod(locked, 0o700);

  const programs = { initdb: join(locked, "bin/initdb"), postgres: join(locked, "bin/postgres") };
  await using copied = await openPostgresHome({ installed: programs });

  expect(copied.postgres.startsWith(copied.directory)).toBe(true);
  const { stdout } = await run(copied.postgres, ["--version"], { ...copied.account, cwd: "/" });
  expect(stdout).toContain("PostgreSQL");
});

it.each([false, true])("leaves nothing behind, with its data in memory: %s", async (inMemory) => {
  const home = await openPostgresHome({ inMemory });
  expect((await stat(home.dataParent)).uid).toBe(home.account?.uid ?? process.getuid?.());
  await home[Symbol.asyncDispose]();
  await expect(stat(home.directory)).rejects.toThrow("ENOENT");
  await expect(stat(home.dataParent)).rejects.toThrow("ENOENT");
});
