import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import { peakRssOf } from "../src/process-usage.ts";

test.skipIf(process.platform !== "linux")(
  "the peak of a process is that of all it has started, added up",
  async () => {
    const shell = spawn("sh", ["-c", "sleep 60 & echo started; wait"], { detached: true });
    const pid = shell.pid ?? 0;
    onTestFinished(() => void process.kill(-pid, "SIGKILL"));
    await once(shell.stdout, "data");

    const status = await readFile(`/proc/${pid}/status`, "utf8");
    const own = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
    expect(own).toBeGreaterThan(0);
    expect(await peakRssOf(pid)).toBeGreaterThan(own);
  },
);
