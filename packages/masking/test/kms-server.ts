/** LocalStack's KMS, a process of its own, where test/python-servers/install.sh has installed it. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const venv = fileURLToPath(
  new URL("../../../node_modules/.cache/python-servers/kms/", import.meta.url),
);

export const hasKmsServer: boolean = existsSync(join(venv, "installed.txt"));

export interface KmsServer extends AsyncDisposable {
  readonly endpoint: string;
}

export async function startKmsServer(): Promise<KmsServer> {
  const directory = await mkdtemp(join(tmpdir(), "kms-server-"));
  const port = await freePort();
  const server = spawn(join(venv, "bin/python"), ["-m", "localstack.runtime.main"], {
    cwd: directory,
    stdio: "ignore",
    env: {
      PATH: process.env["PATH"],
      HOME: directory,
      FILESYSTEM_ROOT: directory,
      GATEWAY_LISTEN: `127.0.0.1:${port}`,
      GATEWAY_SERVER: "hypercorn",
      SERVICES: "kms",
      STRICT_SERVICE_LOADING: "1",
      USE_SSL: "0",
      DISABLE_EVENTS: "1",
      SKIP_SSL_CERT_DOWNLOAD: "1",
    },
  });
  const exited = once(server, "exit");
  const endpoint = `http://127.0.0.1:${port}`;
  while (!(await answers(endpoint))) {
    if (server.exitCode !== null) throw new Error("The KMS server did not start.");
    await sleep(100);
  }
  return {
    endpoint,
    async [Symbol.asyncDispose]() {
      server.kill("SIGKILL");
      await exited;
      await rm(directory, { recursive: true });
    },
  };
}

const answers = (endpoint: string): Promise<boolean> =>
  fetch(`${endpoint}/_localstack/health`).then(
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
