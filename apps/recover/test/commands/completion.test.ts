import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { runRecover } from "../run-recover.ts";

/** What bash would offer after this line. */
function complete(script: string, words: readonly string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(" ");
  const { stdout } = spawnSync(
    "bash",
    [
      "-c",
      `${script}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _recover; echo "\${COMPREPLY[*]}"`,
    ],
    { encoding: "utf8" },
  );
  return stdout.trim().split(" ");
}

test("bash completes commands, subcommands and options", async () => {
  const { stdout: script } = await runRecover(["completion", "bash"]);
  expect(complete(script, ["recover", "un"])).toEqual(["unmask"]);
  expect(complete(script, ["recover", "keys", "pro"])).toEqual(["promote"]);
  expect(complete(script, ["recover", "unmask", "--grant", "x", "--re"])).toEqual([
    "--record",
    "--reveal",
  ]);
});

test.for(["zsh", "fish"])("there is a script for %s", async (shell) => {
  const { code, stdout } = await runRecover(["completion", shell]);
  expect(code).toBe(0);
  expect(stdout).toContain("quarantine");
});
