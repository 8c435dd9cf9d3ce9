/** A registry of one's own: verdaccio, which knows what is published to it and asks nobody else. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface Registry extends AsyncDisposable {
  readonly url: string;
}

export async function startRegistry(executable: string, directory: string): Promise<Registry> {
  await mkdir(directory);
  const config = join(directory, "config.yaml");
  await writeFile(
    config,
    JSON.stringify({
      storage: join(directory, "storage"),
      uplinks: {},
      packages: { "**": { access: "$all", publish: "$all" } },
      log: { type: "stdout", level: "warn" },
    }),
  );
  const port = await freePort();
  const listening = [executable, "--config", config, "--listen", `127.0.0.1:${port}`];
  const server = spawn(process.execPath, listening, { stdio: "ignore" });
  const exited = once(server, "exit");
  const url = `http://127.0.0.1:${port}/`;
  while (!(await answers(url))) {
    if (server.exitCode !== null) throw new Error("The local registry did not start.");
    await sleep(100);
  }
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.kill();
      await exited;
    },
  };
}

const answers = (url: string): Promise<boolean> =>
  fetch(`${url}-/ping`).then(
    ({ ok }) => ok,
    () => false,
  );

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("No port is free.");
  return address.port;
}
