/** moto's S3 server, an S3 with object lock that nobody here wrote, where test/python-servers/install.sh has installed it. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const venv = fileURLToPath(
  new URL("../../../../node_modules/.cache/python-servers/s3/", import.meta.url),
);

export const hasMoto: boolean = existsSync(join(venv, "installed.txt"));

export interface Moto extends AsyncDisposable {
  readonly endpoint: string;
}

export async function startMoto(): Promise<Moto> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const server = spawn(
    join(venv, "bin/python"),
    ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)],
    {
      stdio: "ignore",
    },
  );
  const exited = once(server, "exit");
  for (;;) {
    const isUp = await fetch(endpoint).then(
      () => true,
      () => false,
    );
    if (isUp) break;
    if (server.exitCode !== null) throw new Error("moto did not start.");
    await sleep(50);
  }
  return {
    endpoint,
    async [Symbol.asyncDispose]() {
      server.kill("SIGKILL");
      await exited;
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("No port is free.");
  return address.port;
}
