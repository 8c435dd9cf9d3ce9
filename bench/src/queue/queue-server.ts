/** The benchmarks' SQS server, a process of its own, and what the bench asks of it. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Counts, StoreSettings } from "@org/faults/message-store";
import type { Command, Report } from "./protocol.ts";

const defaults: StoreSettings = { visibilityTimeoutSeconds: 30, maxReceiveCount: 100 };

export interface BenchQueue {
  readonly url: string;
  /** Sends messages and resolves with the monotonic time of it, in nanoseconds. */
  readonly send: (bodies: readonly string[], count: number) => Promise<bigint>;
  /** From here on at least so many messages wait, with all of these bodies in turn. */
  readonly keep: (bodies: readonly string[], waiting: number) => Promise<void>;
  /** Sends no more, and resolves when the last message is deleted. */
  readonly drain: () => Promise<void>;
  readonly counts: () => Promise<CountsAt>;
}

/** What has become of the messages, and when by the server's monotonic clock. */
export interface CountsAt extends Counts {
  readonly atNs: bigint;
}

export interface BenchQueueServer extends AsyncDisposable {
  readonly endpoint: string;
  readonly pid: number;
  readonly createQueue: (name: string, settings?: StoreSettings) => Promise<BenchQueue>;
}

/** @param rttMs - How long an answer takes beside the work: the median. */
export async function startBenchQueueServer(rttMs = 0): Promise<BenchQueueServer> {
  const file = fileURLToPath(new URL("./queue-server-process.ts", import.meta.url));
  const server = fork(file, [String(rttMs)], { execArgv: [] });
  const { port } = await next(server, "listening");
  const endpoint = `http://127.0.0.1:${port}`;

  /** One question at a time: answers carry no id. */
  async function ask<K extends Report["kind"]>(
    command: Command,
    kind: K,
  ): Promise<Extract<Report, { kind: K }>> {
    const answer = next(server, kind);
    server.send(command);
    return answer;
  }

  return {
    endpoint,
    pid: server.pid ?? 0,
    async createQueue(name, settings = defaults) {
      await ask({ kind: "create", name, settings }, "created");
      return {
        url: `${endpoint}/000000000000/${name}`,
        async send(bodies, count) {
          return BigInt((await ask({ kind: "send", name, bodies, count }, "sent")).atNs);
        },
        async keep(bodies, waiting) {
          await ask({ kind: "keep", name, bodies, waiting }, "kept");
        },
        async drain() {
          const drained = next(server, "drained", (report) => report.name === name);
          await ask({ kind: "keep", name, bodies: [], waiting: 0 }, "kept");
          await drained;
        },
        async counts() {
          const { counts, atNs } = await ask({ kind: "count", name }, "counted");
          return { ...counts, atNs: BigInt(atNs) };
        },
      };
    },
    async [Symbol.asyncDispose]() {
      const exited = once(server, "exit");
      server.kill("SIGKILL");
      await exited;
    },
  };
}

/** The server's next report of this kind. */
async function next<K extends Report["kind"]>(
  server: ChildProcess,
  kind: K,
  isWanted: (report: Extract<Report, { kind: K }>) => boolean = () => true,
): Promise<Extract<Report, { kind: K }>> {
  const { promise, resolve } = Promise.withResolvers<Extract<Report, { kind: K }>>();
  const take = (report: Report): void => {
    if (report.kind === kind && isWanted(report as Extract<Report, { kind: K }>)) {
      resolve(report as Extract<Report, { kind: K }>);
    }
  };
  server.on("message", take);
  return promise.finally(() => server.off("message", take));
}
