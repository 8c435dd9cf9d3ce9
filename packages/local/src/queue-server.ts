/** An SQS server for the demo and the tests, from npm, as a process of its own. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { freePort } from "./free-port.ts";
import { siblingModule } from "./leash.ts";
import { openQueueAdmin, type QueueAdmin } from "./queue-admin.ts";

export interface LocalQueueServer extends QueueAdmin, AsyncDisposable {
  /** For `AWS_ENDPOINT_URL_SQS`. */
  readonly endpoint: string;
  /** The ids of a queue's messages, in flight or not, without touching them. */
  readonly messageIds: (queueUrl: string) => Promise<string[]>;
  /** Ends the server; its queues and messages, which are in its memory, go with it. */
  readonly stop: () => Promise<void>;
}

/** Starts fauxqs on a free port of 127.0.0.1. It ends with this process at the latest. */
export async function startQueueServer(): Promise<LocalQueueServer> {
  const port = await freePort();
  const server = fork(siblingModule("queue-server-process"), [String(port)], {
    detached: true,
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const ended = once(server, "exit");
  const started = await Promise.race([once(server, "message"), ended.then(() => null)]);
  if (!started) throw new Error("The queue server did not start.");

  const endpoint = `http://127.0.0.1:${port}`;
  const admin = openQueueAdmin(endpoint);
  const stop = async (): Promise<void> => {
    admin.close();
    server.kill("SIGKILL");
    await ended;
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
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** What fauxqs shows of a queue. */
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
