import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeEnvironment } from "@org/local";
import { expect, test } from "vitest";
import { openVisit } from "../../../console/test/visit.ts";

const main = fileURLToPath(new URL("../../src/console/main.ts", import.meta.url));

test("opens at the printed address, where a request waits for adam and a consumer is at work, and leaves nothing behind", async () => {
  const directory = await mkdtemp(join(tmpdir(), "demo-console-"));
  const child = spawn(process.execPath, ["--conditions=@org/source", main], {
    env: { ...nodeEnvironment, TMPDIR: directory },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const closed = once(child, "close");
  await expect.poll(() => said, { timeout: 100_000 }).toContain("Ctrl-C ends it");
  const origin = /The console: (\S+)/.exec(said)?.[1] ?? "";
  const adam = openVisit(origin);
  await adam.signIn("adam");
  const home = await (await adam.get("/")).text();
  expect(home).toContain("For you to decide");
  expect(home).toContain("SEC-4711");
  const pipeline = async (): Promise<string> => (await adam.get("/pipeline")).text();
  await expect.poll(pipeline, { timeout: 40_000 }).toMatch(/Consumers that answer<\/td>\s*<td>1</);
  const keyring = await fetch(/at (\S+\/keyring)/.exec(said)?.[1] ?? "");
  expect(await keyring.text()).toContain("The recover keyring");
  child.kill("SIGTERM");
  expect((await closed)[0]).toBe(143);
  expect(await readdir(directory)).toEqual([]);
  await rmdir(directory);
}, 120_000);
