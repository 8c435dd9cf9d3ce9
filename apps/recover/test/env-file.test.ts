/** Which files settings come from: none but one that somebody named. */

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runRecover } from "./run-recover.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "env-file-"));
  await writeFile(join(directory, ".env"), "RECOVER_DATABASE_URL=mysql://elsewhere\n");
});

afterEach(() => rm(directory, { recursive: true }));

test("a file in the working directory is not read", async () => {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const ended = promisify(execFile)(process.execPath, ["--conditions=@org/source", main, "list"], {
    cwd: directory,
    env: { PATH: process.env["PATH"], INIT_CWD: directory },
  });
  await expect(ended).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("RECOVER_DATABASE_URL is not set") as unknown,
  });
});

test.for([[["--env-file", ".env", "list"]], [["list", "--env-file", ".env"]]])(
  "a file that is named is read: %s",
  async ([argv = []]) => {
    const { code, stderr } = await runRecover(argv, { INIT_CWD: directory });
    expect(code).toBe(2);
    expect(stderr).toContain("RECOVER_DATABASE_URL is not usable");
  },
);

test("the environment counts before the file", async () => {
  const env = { INIT_CWD: directory, RECOVER_DATABASE_URL: "postgresql://u:p@127.0.0.1:1/d" };
  const { code } = await runRecover(["list", "--env-file", ".env"], env);
  expect(code).toBe(20);
});

test("a file that is not there ends with 2, and its name", async () => {
  const { code, stderr } = await runRecover(["list", "--env-file", "no.env"], {
    INIT_CWD: directory,
  });
  expect(code).toBe(2);
  expect(stderr).toContain("no.env");
});
