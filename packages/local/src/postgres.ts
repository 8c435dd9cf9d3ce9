/** A real PostgreSQL server for the demo and the tests, from npm, as a process of its own. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chown, cp, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { BaseBackup } from "./base-backup.ts";
import { freePort } from "./free-port.ts";
import { leashChild } from "./leash.ts";
import { openPostgresHome, type PostgresHome } from "./postgres-home.ts";

const run = promisify(execFile);
const superuser = "postgres";
const readyPollMs = 20;
const startAttempts = 3;
const stopSignals = { fast: "SIGINT", immediate: "SIGQUIT", kill: "SIGKILL" } as const;
const logTailLength = 2_000;

// Nothing of the caller's environment but the path: a stray PG* or LC_* variable changes the server.
const environment = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" };

export interface PostgresOptions {
  /**
   * Server settings, as in postgresql.conf. `fsync` is on unless set here; without it the data may
   * as well be in memory, and is where that has room: there a database is cloned eight times as fast.
   */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default: a free one. */
  readonly port?: number;
  /** Variables of the server's, beside its own few. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Starts on a copy of this backup: as a standby, or to recover as `recovery_target_…` in the settings say. */
  readonly from?: BaseBackup & { readonly as: "standby" | "recovery" };
}

export interface LocalPostgres extends AsyncDisposable {
  /** The superuser's URL. Its password is random, so nobody becomes superuser by leaving a name out. */
  readonly adminUrl: string;
  readonly port: number;
  readonly dataDirectory: string;
  /** The server's own log, kept over restarts until disposal. */
  readonly logFile: string;
  /** A URL for another database or login; without `user`, the superuser's. */
  readonly url: (target?: PostgresTarget) => string;
  readonly password: string;
  /**
   * `fast` ends sessions and writes a checkpoint, `immediate` is a crash: the next start recovers.
   * `kill` is a SIGKILL to the server; its children notice by themselves.
   */
  readonly stop: (mode?: StopMode) => Promise<void>;
  /** Starts again on the same data and the same port. */
  readonly start: () => Promise<void>;
}

type StopMode = keyof typeof stopSignals;

export interface PostgresTarget {
  readonly database?: string;
  readonly user?: string;
  readonly password?: string;
}

/**
 * Initialises and starts a server on a free port of 127.0.0.1, without a Unix socket.
 *
 * Every login needs its password (SCRAM). As root the server runs as `nobody`. Disposal, and
 * the end of this process, stop the server and remove its data.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<LocalPostgres> {
  await using opening = new AsyncDisposableStack();
  const home = opening.use(
    await openPostgresHome({ inMemory: options.settings?.["fsync"] === "off" }),
  );
  const password = options.from?.password ?? randomBytes(24).toString("hex");
  const dataDirectory = await (options.from
    ? copyBackup(home, options.from)
    : initialise(home, password));
  const logFile = join(home.directory, "postgres.log");

  let port = options.port ?? (await freePort());
  let server: ChildProcess | null = null;

  const start = async (): Promise<void> => {
    if (server && isRunning(server)) return;
    const { settings, environment: more } = options;
    server = await launch({ home, dataDirectory, logFile, port, settings, more });
  };
  const stop = async (mode: StopMode = "fast"): Promise<void> => {
    const stopping = server;
    server = null;
    if (stopping && isRunning(stopping)) {
      const exited = once(stopping, "exit");
      stopping.kill(stopSignals[mode]);
      await exited;
    }
  };
  opening.defer(() => stop("immediate"));

  for (let attempt = 1; ; attempt++) {
    try {
      await start();
      break;
    } catch (error) {
      if (attempt === startAttempts) throw error;
      port = options.port ?? (await freePort());
    }
  }

  const url = (target: PostgresTarget = {}): string => {
    const at = new URL(`postgres://127.0.0.1:${port}/${target.database ?? "postgres"}`);
    at.username = target.user ?? superuser;
    at.password = target.user === undefined ? password : (target.password ?? "");
    return at.href;
  };
  const held = opening.move();
  return {
    adminUrl: url(),
    port,
    dataDirectory,
    logFile,
    password,
    url,
    start,
    stop,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function initialise(home: PostgresHome, password: string): Promise<string> {
  const dataDirectory = join(home.dataParent, "data");
  const passwordFile = join(home.directory, "password");
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (home.account) await chown(passwordFile, home.account.uid, home.account.gid);
  const args = [
    `--pgdata=${dataDirectory}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--no-locale",
    "--no-sync",
  ];
  await run(home.initdb, args, { ...home.account, cwd: home.directory, env: environment });
  await rm(passwordFile);
  return dataDirectory;
}

async function copyBackup(
  home: PostgresHome,
  { directory, as }: NonNullable<PostgresOptions["from"]>,
): Promise<string> {
  const dataDirectory = join(home.dataParent, "data");
  await cp(directory, dataDirectory, { recursive: true });
  await writeFile(join(dataDirectory, `${as}.signal`), "");
  const { account } = home;
  if (account) await run("chown", ["-R", `${account.uid}:${account.gid}`, dataDirectory]);
  return dataDirectory;
}

interface Launch {
  readonly home: PostgresHome;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly port: number;
  readonly settings: PostgresOptions["settings"];
  readonly more: PostgresOptions["environment"];
}

async function launch({
  home,
  dataDirectory,
  logFile,
  port,
  settings,
  more,
}: Launch): Promise<ChildProcess> {
  const allSettings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    max_connections: "200",
    ...settings,
  };
  const args = Object.entries(allSettings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  await using log = await open(logFile, "a");
  const server = spawn(home.postgres, ["-D", dataDirectory, ...args], {
    ...home.account,
    cwd: home.directory,
    env: { ...environment, ...more },
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
  });
  await once(server, "spawn");
  leashChild(server, "SIGQUIT");
  await untilReady(server, join(dataDirectory, "postmaster.pid"), logFile);
  return server;
}

// The way pg_ctl waits: the first line of postmaster.pid is the process, the eighth its state.
async function untilReady(server: ChildProcess, pidFile: string, logFile: string): Promise<void> {
  while (isRunning(server)) {
    const lines = (await readFile(pidFile, "utf8").catch(() => "")).split("\n");
    if (lines[0] === String(server.pid) && lines[7]?.trim() === "ready") return;
    await sleep(readyPollMs);
  }
  const log = await readFile(logFile, "utf8");
  throw new Error(`PostgreSQL did not start. The end of its log:\n${log.slice(-logTailLength)}`);
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
