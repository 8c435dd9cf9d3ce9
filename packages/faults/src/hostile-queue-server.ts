/** An SQS server that misbehaves on purpose: for what AWS may do to its clients and no emulator does. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "./hostile-queue-fault.ts";
import { createOperations, Refusal } from "./hostile-queue-operations.ts";

export type { Fault } from "./hostile-queue-fault.ts";

export interface QueueRequest {
  /** `ReceiveMessage`, `DeleteMessageBatch`, … */
  readonly operation: string;
  readonly queueUrl: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** As it came. */
  readonly body: string;
}

export interface HostileQueueServerOptions {
  /** Asked about each request that no injected fault meets; null lets it pass. */
  readonly plan?: (request: QueueRequest) => Fault | null;
  /** Sees each request before anything is done about it. */
  readonly onRequest?: (request: QueueRequest) => void;
  /** Sees each fault that struck, with what the operation would have answered; null where it was not carried out. */
  readonly onFault?: (request: QueueRequest, fault: Fault, answer: unknown) => void;
  /** Sees each answer that was sent whole, once it was sent. */
  readonly onAnswer?: (request: QueueRequest, answer: unknown) => void;
  /** Sees the message that a delete names while it still exists, before the delete is answered. */
  readonly onDelete?: (messageId: string) => void | Promise<void>;
  /** In place of SQS's 12 hours. */
  readonly leaseLimitSeconds?: number;
}

export interface HostileQueueServer extends AsyncDisposable {
  /** For `AWS_ENDPOINT_URL_SQS`. Queues are made and filled over the wire. */
  readonly endpoint: string;
  /** How often each kind of fault struck. */
  readonly hits: ReadonlyMap<Fault["kind"], number>;
  /** Added to the server's clock: it dates its answers by it, and refuses requests signed more than five minutes off. */
  clockOffsetMs: number;
  /** Meets the next requests of one operation with these faults, one each; null lets one pass. */
  readonly inject: (operation: string, ...faults: readonly (Fault | null)[]) => void;
  /** The ids of a queue's messages, in flight or not, without touching them. */
  readonly messageIds: (queueUrl: string) => string[];
  /** Breaks every connection and refuses new ones until {@link goOnline}; the queues stay. */
  readonly goOffline: () => Promise<void>;
  /** Listens again, on the same port. */
  readonly goOnline: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const SKEW_LIMIT_MS = 300_000;
const LEASE_LIMIT_SECONDS = 43_200;

/** Starts a hostile queue server in this process, on a free port of 127.0.0.1. */
export async function startHostileQueueServer(
  options: HostileQueueServerOptions = {},
): Promise<HostileQueueServer> {
  const injected = new Map<string, (Fault | null)[]>();
  const hits = new Map<Fault["kind"], number>();
  const stopping = new AbortController();
  const http = createServer((incoming, response) => {
    // A client that went away in the middle of its request is none of the server's business.
    answer(incoming, response).catch(() => response.destroy());
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => http.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = http.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  const { operations, messageIds } = createOperations({
    endpoint,
    leaseLimitSeconds: options.leaseLimitSeconds ?? LEASE_LIMIT_SECONDS,
    onDelete: options.onDelete ?? (() => {}),
    stopped: stopping.signal,
  });

  const chooseFault = (request: QueueRequest): Fault | null => {
    const next = injected.get(request.operation)?.shift();
    const fault = next === undefined ? (options.plan?.(request) ?? null) : next;
    if (fault) hits.set(fault.kind, (hits.get(fault.kind) ?? 0) + 1);
    return fault;
  };

  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await readRequest(incoming);
    options.onRequest?.(request);
    response.setHeader("date", new Date(Date.now() + server.clockOffsetMs).toUTCString());
    if (isSkewed(request, server.clockOffsetMs)) {
      sendError(response, "InvalidSignatureException", 403);
      return;
    }
    const fault = chooseFault(request);
    if (fault && refuse(fault, response)) {
      options.onFault?.(request, fault, null);
      return;
    }
    if (fault?.kind === "delayed") await sleep(fault.ms);

    const operation = operations[request.operation];
    if (!operation) {
      sendError(response, "UnsupportedOperation", 400);
      return;
    }
    try {
      const answered = await operation(JSON.parse(request.body) as never, fault);
      const result = JSON.stringify(fault?.kind === "altered" ? fault.alter(answered) : answered);
      if (fault) options.onFault?.(request, fault, answered);
      if (fault?.kind === "lost_reply") response.destroy();
      else if (fault?.kind === "stalled") sendStart(response, result, fault.bytes);
      else if (fault?.kind === "truncated") {
        sendStart(response, result, fault.bytes, () => response.destroy());
      } else response.end(result, () => options.onAnswer?.(request, answered));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      sendError(response, error.code, 400);
    }
  };

  const goOffline = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => http.close(() => resolve()));
    http.closeAllConnections();
    await closed;
  };
  const stop = async (): Promise<void> => {
    stopping.abort();
    if (http.listening) await goOffline();
  };
  const server: HostileQueueServer = {
    endpoint,
    hits,
    clockOffsetMs: 0,
    inject(operation, ...faults) {
      injected.set(operation, [...(injected.get(operation) ?? []), ...faults]);
    },
    messageIds,
    goOffline,
    goOnline: () => listen(port),
    stop,
    [Symbol.asyncDispose]: stop,
  };
  return server;
}

async function readRequest(incoming: IncomingMessage): Promise<QueueRequest> {
  const body = await text(incoming);
  const headers = incoming.headers as Record<string, string>;
  const { QueueUrl: queueUrl = null } = JSON.parse(body) as { QueueUrl?: string };
  return {
    operation: headers["x-amz-target"]?.replace("AmazonSQS.", "") ?? "",
    queueUrl,
    headers,
    body,
  };
}

/** `20260102T030405Z` */
function isSkewed({ headers }: QueueRequest, clockOffsetMs: number): boolean {
  const signed = (headers["x-amz-date"] ?? "").replace(
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/,
    "$1-$2-$3T$4:$5:$6Z",
  );
  return Math.abs(Date.parse(signed) - (Date.now() + clockOffsetMs)) > SKEW_LIMIT_MS;
}

/** Whether the fault has dealt with the request, so that nothing more is done about it. */
function refuse(fault: Fault, response: ServerResponse): boolean {
  if (fault.kind === "error") sendError(response, fault.code, fault.status ?? 400);
  else if (fault.kind === "page") sendPage(response, fault.status);
  else if (fault.kind === "dropped") response.destroy();
  else return fault.kind === "silent";
  return true;
}

function sendPage(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-type": "text/html" });
  response.end("<html><body>gateway</body></html>");
}

function sendError(response: ServerResponse, code: string, status: number): void {
  response.writeHead(status, { "content-type": "application/x-amz-json-1.0" });
  response.end(JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message: "refused" }));
}

/** The whole length is announced, so that whoever reads it waits for the rest. */
function sendStart(
  response: ServerResponse,
  result: string,
  bytes: number,
  whenSent: () => void = () => {},
): void {
  response.setHeader("content-length", Buffer.byteLength(result));
  response.write(Buffer.from(result).subarray(0, bytes), whenSent);
}
