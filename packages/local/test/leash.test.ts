import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it, vi } from "vitest";

interface Held {
  readonly postgresDirectory: string;
  readonly queueEndpoint: string;
}

it.each(["SIGKILL", "SIGINT"] as const)(
  "leaves no server and no file behind a parent that got %s",
  async (signal) => {
    const parent = spawn(process.execPath, [join(import.meta.dirname, "stack-holder.ts")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [output] = (await once(parent.stdout, "data")) as [Buffer];
    const { postgresDirectory, queueEndpoint } = JSON.parse(output.toString()) as Held;
    const pidFile = await readFile(join(postgresDirectory, "postmaster.pid"), "utf8");
    const postgresPid = Number(pidFile.split("\n")[0]);
    await expect(fetch(queueEndpoint)).resolves.toBeDefined();

    parent.kill(signal);

    await vi.waitFor(
      async () => {
        expect(() => process.kill(postgresPid, 0)).toThrow("ESRCH");
        await expect(fetch(queueEndpoint)).rejects.toThrow("fetch failed");
        await expect(stat(dirname(postgresDirectory))).rejects.toThrow("ENOENT");
      },
      { timeout: 30_000, interval: 100 },
    );
  },
);
