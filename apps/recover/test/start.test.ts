/** How the tool is started: nobody of the same user gets into a process that holds keys. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

test("a signal opens no debugger in the process that the start script starts", async () => {
  const path = new URL("../package.json", import.meta.url);
  const { scripts } = JSON.parse(await readFile(path, "utf8")) as { scripts: { start: string } };
  const script = scripts.start.replace("src/main.ts", `-e "setInterval(() => console.log(1), 50)"`);
  expect(script).not.toBe(scripts.start);
  const child = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  await once(child.stdout, "data");
  child.kill("SIGUSR1");
  // Either it runs on, or the signal ends it.
  for (let line = 0; line < 20; line++) {
    await Promise.race([once(child.stdout, "data"), once(child, "close")]);
  }
  child.kill("SIGKILL");
  expect(stderr).toBe("");
});
