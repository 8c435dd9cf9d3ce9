/** PgBouncer, where the machine has it, between a program and its database. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort, leashChild, openServerDirectory } from "@org/local";

const run = promisify(execFile);
/** Debian puts it where only root's path leads. */
const env = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` };

export interface PgBouncerOptions {
  /** Of one server: whoever may come through, each to the database of the URL. */
  readonly logins: readonly string[];
  readonly poolMode: "session" | "transaction";
  /** As in pgbouncer.ini. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface PgBouncer extends AsyncDisposable {
  /** The same login's URL, through the pooler. */
  readonly through: (url: string) => string;
}

/** Major and minor version; null where it is not installed. */
export async function findPgBouncer(): Promise<readonly [major: number, minor: number] | null> {
  const { stdout } = await run("pgbouncer", ["--version"], { env }).catch(() => ({ stdout: "" }));
  const [, major, minor] = /^PgBouncer (\d+)\.(\d+)/.exec(stdout) ?? [];
  return minor === undefined ? null : [Number(major), Number(minor)];
}

/** Whether this version keeps prepared statements apart in transaction mode: PgBouncer's changelog, 1.21.0. */
export function keepsPreparedStatements([major, minor]: readonly [number, number]): boolean {
  return major > 1 || minor >= 21;
}

/** On a free port of 127.0.0.1, as who logs in by SCRAM on either side. Disposal ends it. */
export async function startPgBouncer({
  logins,
  poolMode,
  settings = {},
}: PgBouncerOptions): Promise<PgBouncer> {
  await using opening = new AsyncDisposableStack();
  const { path } = opening.use(await openServerDirectory());
  const port = await freePort();
  const servers = logins.map((login) => new URL(login));
  const users = join(path, "users.txt");
  const ini = join(path, "pgbouncer.ini");
  await writeFile(
    users,
    servers.map(({ username, password }) => `"${username}" "${password}"\n`),
  );
  await writeFile(
    ini,
    section("databases", { "*": `host=${servers[0]?.hostname} port=${servers[0]?.port}` }) +
      section("pgbouncer", {
        listen_addr: "127.0.0.1",
        listen_port: String(port),
        unix_socket_dir: "",
        auth_type: "scram-sha-256",
        auth_file: users,
        pool_mode: poolMode,
        ...settings,
      }),
  );
  // It does not run as root.
  const account = process.getuid?.() === 0 ? ["--user=nobody"] : [];
  const pooler = spawn("pgbouncer", ["--quiet", ...account, ini], { env, stdio: "ignore" });
  leashChild(pooler);
  opening.defer(async () => {
    if (pooler.exitCode !== null) return;
    pooler.kill("SIGKILL");
    await once(pooler, "exit");
  });
  while (!(await answers(port))) {
    if (pooler.exitCode !== null) throw new Error(`PgBouncer ended with ${pooler.exitCode}.`);
    await sleep(20);
  }
  const opened = opening.move();
  return {
    through(url) {
      const target = new URL(url);
      target.port = String(port);
      return target.href;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function section(name: string, settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([setting, value]) => `${setting} = ${value}\n`);
  return `[${name}]\n${lines.join("")}`;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
