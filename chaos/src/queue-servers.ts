/** The SQS servers to choose from: one that misbehaves, and one that others wrote and use. */
import { startQueueServer } from "@org/local";
import { startHostileQueueServer } from "@org/faults/hostile-queue-server";
import type { HostileQueueServerOptions } from "@org/faults/hostile-queue-server";

export type QueueServerName = "hostile" | "fauxqs";

export interface QueueServer extends AsyncDisposable {
  readonly endpoint: string;
  /** The ids of a queue's messages, in flight or not, without touching them. */
  readonly messageIds: (queueUrl: string) => Promise<string[]>;
  /** Goes away with every connection, keeps its messages, and comes back; null where it cannot. */
  readonly outage: {
    readonly begin: () => Promise<void>;
    readonly end: () => Promise<void>;
  } | null;
}

/** Nothing can be planned or seen at fauxqs: faults there are those of consumers and database. */
export async function openQueueServer(
  name: QueueServerName,
  options: HostileQueueServerOptions,
): Promise<QueueServer> {
  if (name === "fauxqs") return { ...(await startQueueServer()), outage: null };
  const server = await startHostileQueueServer(options);
  return {
    ...server,
    messageIds: async (queueUrl) => server.messageIds(queueUrl),
    outage: { begin: server.goOffline, end: server.goOnline },
  };
}
