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

/** Every command by its path. */
async function commandPaths(path: readonly string[] = []): Promise<string[][]> {
  const { stdout } = await runRecover([...path, "--help"]);
  const names = [...stdout.matchAll(/^ {2}([a-z]+)(?: \[| <| {2,})/gm)].map(
    ([, name = ""]) => name,
  );
  const children = names.filter((name) => name !== "help");
  if (!stdout.includes("[command]")) return [[...path]];
  const below = await Promise.all(children.map((name) => commandPaths([...path, name])));
  return below.flat();
}

test("the help of every command teaches by an example", async () => {
  const paths = await commandPaths();
  expect(paths.length).toBeGreaterThan(25);
  for (const path of paths) {
    const { stdout } = await runRecover([...path, "--help"]);
    expect(stdout).toMatch(/Examples?:\n/);
  }
});
