// Runs beside a parent process; when the parent is gone, however it went, ends what it left behind.
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Leashed } from "./leash.ts";

const graceMs = 10_000;
const pollMs = 50;

let leashed: Leashed = { processes: [], directories: [] };

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

async function end(pid: number, name: NodeJS.Signals): Promise<void> {
  signal(pid, name);
  const deadline = performance.now() + graceMs;
  while (signal(pid, 0)) {
    if (performance.now() > deadline) {
      signal(pid, "SIGKILL");
      return;
    }
    await sleep(pollMs);
  }
}

process.on("message", (message: Leashed) => {
  leashed = message;
});

await once(process, "disconnect");
await Promise.all(leashed.processes.map(({ pid, endWith }) => end(pid, endWith)));
for (const directory of leashed.directories) {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
