import { expect, test } from "vitest";
import { runRecover } from "./run-recover.ts";

test("--help shows the commands and the exit codes, and ends with 0", async () => {
  const { code, stdout } = await runRecover(["--help"]);
  expect(code).toBe(0);
  expect(stdout).toContain("keys");
  expect(stdout).toContain("30 tampering found");
});

test.for([["nonsense"], ["keys", "init", "--nonsense"], []])(
  "a command line that cannot be understood (%s) ends with 2 and no stack trace",
  async (argv) => {
    const { code, stderr } = await runRecover(argv);
    expect(code).toBe(2);
    expect(stderr).not.toContain("    at ");
  },
);
