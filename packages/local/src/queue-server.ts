/** An SQS server for the demo and the tests, from npm, as a process of its own. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { freePort } from "./free-port.ts";
import { siblingModule } from "./leash.ts";
import { openQueueAdmin, type QueueAdmin } from "./queue-admin.ts";

export interface QueueServerOptions {
  /** Keeps queues and messages there, so that they survive {@link LocalQueueServer.kill}. */
  readonly dataDirectory?: string;
}

export interface LocalQueueServer extends QueueAdmin, AsyncDisposable {
  /** For `AWS_ENDPOINT_URL_SQS`. */
  readonly endpoint: string;
  /** The ids of a queue's messages, in flight or not, without touching them. */
  messageIds(queueUrl: string): Promise<string[]>;
  /** Ends the process as a crash would. */
  kill(): Promise<void>;
  /** Starts it again after {@link kill}, at the same endpoint. */
  start(): Promise<void>;
  /** Ends the server; without a data directory its queues and messages, which are in its memory, go with it. */
  stop(): Promise<void>;
}

/** Starts fauxqs on a free port of 127.0.0.1. It ends with this process at the latest. */
export async function startQueueServer({
  dataDirectory,
}: QueueServerOptions = {}): Promise<LocalQueueServer> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  let server = await launch(port, dataDirectory);

  const kill = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
  };
  const admin = openQueueAdmin(endpoint);
  const stop = async (): Promise<void> => {
    admin.close();
    await kill();
  };
  return {
    ...admin,
    endpoint,
    async messageIds(queueUrl) {
      const name = queueUrl.split("/").at(-1) ?? "";
      const response = await fetch(`${endpoint}/_fauxqs/queues/${name}`);
      const { messages } = (await response.json()) as Inspection;
      const inFlight = messages.inflight.map(({ message }) => message);
      return [...messages.ready, ...messages.delayed, ...inFlight].map(
        ({ messageId }) => messageId,
      );
    },
    kill,
    async start() {
      server = await launch(port, dataDirectory);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Inspected {
  readonly messageId: string;
}

interface Inspection {
  readonly messages: {
    readonly ready: readonly Inspected[];
    readonly delayed: readonly Inspected[];
    readonly inflight: readonly { readonly message: Inspected }[];
  };
}

async function launch(port: number, dataDirectory: string | undefined): Promise<ChildProcess> {
  const args = dataDirectory === undefined ? [String(port)] : [String(port), dataDirectory];
  const server = fork(siblingModule("queue-server-process"), args, {
    detached: true,
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const ended = once(server, "exit");
  const started = await Promise.race([once(server, "message"), ended.then(() => null)]);
  if (!started) throw new Error("The queue server did not start.");
  return server;
}
