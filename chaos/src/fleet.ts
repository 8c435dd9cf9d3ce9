/** The consumers, each a process of its own, started again whenever one ends: as an orchestrator would. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { peakRssOf } from "@org/bench/process-usage";
import { leashChild, nodeEnvironment } from "@org/local";

import type { Journal } from "./journal.ts";

const run = promisify(execFile);
const appDirectory = fileURLToPath(new URL("../../apps/consumer/", import.meta.url));
const restartMs = 200;

export interface Launch {
  readonly env: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** A module that Node loads before the consumer's own code. */
  readonly preload?: string | undefined;
}

export interface Exit {
  readonly consumer: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Fleet extends AsyncDisposable {
  readonly size: number;
  /** Everything the consumers have written to stdout and stderr, a file each. */
  readonly outputFiles: readonly string[];
  /** How the processes ended that nobody told to end. */
  readonly crashes: readonly Exit[];
  /** Resolves when every consumer says that it consumes. */
  readonly untilReady: () => Promise<void>;
  readonly isReady: () => boolean;
  /** False where there is no process that consumes. */
  readonly kill: (consumer: number) => boolean;
  /** Ends a consumer in order, or by a second signal, and resolves with how it ended; nothing starts it again. */
  readonly terminate: (consumer: number, againAfterMs?: number) => Promise<Exit>;
  /** Starts a consumer that was terminated, perhaps changed. */
  readonly start: (consumer: number, change?: Partial<Launch>) => void;
  /** Runs a consumer that is not one of the fleet, to its end; resolves also with what it said. */
  readonly runApart: (launch: Launch) => Promise<Exit & { readonly output: string }>;
  readonly metrics: () => Promise<string>;
  /** The consumers that say at /ready that they are not, and of which no worker receives: each has its own breaker. */
  readonly unready: () => Promise<number[]>;
  /** Resident memory of the largest process. */
  readonly mostBytes: () => Promise<number>;
  /** The most megabytes that a consumer's processes have had resident, added up; null where that is not known. */
  readonly peakMegabytes: (consumer: number) => Promise<number | null>;
}

export interface FleetOptions {
  readonly size: number;
  readonly directory: string;
  readonly journal: Journal;
  readonly launch: (consumer: number) => Launch;
}

interface Member {
  readonly consumer: number;
  process: ChildProcess | null;
  /** Where it serves its metrics; null until it consumes. */
  port: number | null;
  /** False once it was told to end for good. */
  wanted: boolean;
  /** It was told to end, so its end is no crash. */
  told: boolean;
  change: Partial<Launch>;
}

export function startFleet({ size, directory, journal, launch }: FleetOptions): Fleet {
  const members = Array.from({ length: size }, (_, consumer): Member => ({
    consumer,
    process: null,
    port: null,
    wanted: true,
    told: false,
    change: {},
  }));
  const outputFiles = [...members.map(({ consumer }) => `consumer-${consumer}`), "apart"].map(
    (name) => join(directory, `${name}.log`),
  );
  const outputs = outputFiles.map((file) => createWriteStream(file, { flags: "a" }));
  const crashes: Exit[] = [];
  for (const member of members) startMember(member);

  function spawnConsumer({ env, args = [], preload }: Launch, output: number): ChildProcess {
    const before = preload === undefined ? [] : [`--import=${preload}`];
    const command = ["--conditions=@org/source", ...before, "src/main.ts", ...args];
    const child = spawn(process.execPath, command, {
      cwd: appDirectory,
      env: { ...nodeEnvironment, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: a kill meets its workers too.
      detached: true,
    });
    leashChild(child, "SIGKILL");
    const file = outputs[output];
    if (file) {
      child.stdout.pipe(file, { end: false });
      child.stderr.pipe(file, { end: false });
    }
    return child;
  }

  function startMember(member: Member): void {
    const { consumer } = member;
    const started = spawnConsumer({ ...launch(consumer), ...member.change }, consumer);
    member.process = started;
    member.told = false;
    let said = "";
    started.stdout?.setEncoding("utf8").on("data", (text: string) => {
      if (member.port !== null || member.told || member.process !== started) return;
      said += text;
      const port = /"port":(\d+),.*"msg":"(?:consuming|all workers consume)"/.exec(said)?.[1];
      if (port !== undefined) member.port = Number(port);
    });
    void restartWhenEnded(member, started);
  }

  async function restartWhenEnded(member: Member, started: ChildProcess): Promise<void> {
    const exit = { consumer: member.consumer, ...(await untilEnded(started)) };
    journal.note("consumer ended", exit);
    if (!member.told) crashes.push(exit);
    if (member.process !== started) return;
    member.process = null;
    member.port = null;
    await sleep(restartMs);
    if (member.wanted && member.process === null) startMember(member);
  }

  function isReady(): boolean {
    return members.every(({ wanted, port }) => !wanted || port !== null);
  }

  function memberAt(consumer: number): Member {
    const member = members[consumer];
    if (!member) throw new RangeError("There is no such consumer.");
    return member;
  }

  return {
    size,
    outputFiles,
    crashes,
    isReady,
    async untilReady() {
      while (!isReady()) await sleep(20);
    },
    kill(consumer) {
      const member = memberAt(consumer);
      if (!member.process || member.port === null) return false;
      member.told = true;
      member.port = null;
      return killGroup(member.process);
    },
    async terminate(consumer, againAfterMs) {
      const member = memberAt(consumer);
      member.wanted = false;
      member.told = true;
      const stopping = member.process;
      if (!stopping) return { consumer, code: 0, signal: null };
      const ended = untilEnded(stopping);
      stopping.kill("SIGTERM");
      if (againAfterMs !== undefined) {
        await sleep(againAfterMs);
        stopping.kill("SIGTERM");
      }
      return { consumer, ...(await ended) };
    },
    start(consumer, change = {}) {
      const member = memberAt(consumer);
      member.wanted = true;
      member.change = change;
      if (member.process === null) startMember(member);
    },
    async runApart(apart) {
      const child = spawnConsumer(apart, size);
      const closed = once(child, "close");
      let output = "";
      child.stdout?.on("data", (text: Buffer) => (output += text.toString()));
      await closed;
      return { consumer: size, ...(await untilEnded(child)), output };
    },
    async metrics() {
      const ports = members.flatMap(({ port }) => port ?? []);
      const pages = ports.map((port) =>
        fetch(`http://127.0.0.1:${port}/metrics`).then(
          async (response) => response.text(),
          () => "",
        ),
      );
      return (await Promise.all(pages)).join("\n");
    },
    async unready() {
      const asked = members.map(async ({ consumer, port }) => {
        if (port === null) return [];
        const { status } = await fetch(`http://127.0.0.1:${port}/ready`);
        const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
        const open = text.match(/^maskline_breaker_open(?:\{.*\})? 1$/gm) ?? [];
        const workers = Number(launch(consumer).env["MASKLINE_WORKERS"] ?? 1);
        return status === 503 && open.length === workers ? [consumer] : [];
      });
      return (await Promise.all(asked)).flat();
    },
    async mostBytes() {
      const groups = new Set(members.map(({ process: child }) => child?.pid));
      const { stdout } = await run("ps", ["-A", "-o", "pgid=,rss="]);
      const rows = stdout
        .trim()
        .split("\n")
        .map((line) => line.trim().split(/\s+/).map(Number));
      const sizes = rows.flatMap(([group, size = 0]) => (groups.has(group) ? size : []));
      return Math.max(...sizes) * 1024;
    },
    async peakMegabytes(consumer) {
      const { process: child } = memberAt(consumer);
      const peak = await peakRssOf(child?.pid ?? 0).catch(() => NaN);
      return Number.isNaN(peak) ? null : peak;
    },
    async [Symbol.asyncDispose]() {
      for (const member of members) {
        member.wanted = false;
        member.told = true;
      }
      await Promise.all(
        members.map(async ({ process: child }) => {
          if (!child) return;
          const ended = untilEnded(child);
          killGroup(child);
          await ended;
        }),
      );
      for (const output of outputs) output.end();
    },
  };
}

/** False where it has ended. */
function killGroup({ pid }: ChildProcess): boolean {
  try {
    return pid !== undefined && process.kill(-pid, "SIGKILL");
  } catch {
    return false;
  }
}

async function untilEnded(
  child: ChildProcess,
): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return { code: child.exitCode, signal: child.signalCode };
}
