/** /live, /ready and /metrics over HTTP. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";

import { StartFault, toFailure } from "./failure.ts";

export interface HealthChecks {
  /** False when only a restart can help. */
  readonly live: () => boolean | Promise<boolean>;
  /** False until a receive has succeeded, while messages cannot be received or written, and while stopping. */
  readonly ready: () => boolean | Promise<boolean>;
  readonly metrics: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface HealthAddress {
  /** Null: every address of this machine. */
  readonly host: string | null;
  readonly port: number;
}

export interface HealthServer extends AsyncDisposable {
  readonly port: number;
}

/** Longer than any healthy poll: past it only a restart can help. */
export const stuckMs = 120_000;

/** Of probes and scrapers; whoever opens more is turned away. */
const mostConnections = 100;

/** A request is a line and a few headers: one that takes longer is none. */
const requestMs = 5_000;

/** @throws StartFault where the address cannot be had. */
export async function openHealthServer(
  address: HealthAddress,
  checks: HealthChecks,
): Promise<HealthServer> {
  const options = {
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    keepAliveTimeout: requestMs,
    connectionsCheckingInterval: 1_000,
  };
  const server = createServer(options, (request, response) => {
    const path = request.url?.split("?", 1)[0];
    if (path === "/metrics") checks.metrics(request, response);
    else if (path === "/live") void answer(response, checks.live());
    else if (path === "/ready") void answer(response, checks.ready());
    else response.writeHead(404).end();
  });
  server.maxConnections = mostConnections;
  // Requests that are sent in a row would be answered into memory, whether anybody reads the answers or not.
  server.maxRequestsPerSocket = 1;
  // Also one that does not take its answer.
  server.timeout = 2 * requestMs;
  await listen(server, address).catch((error: unknown) => {
    throw new StartFault(
      `health and metrics cannot be served: ${toFailure("start", error).reason}`,
      "set PORT to a port that is free, or to 0 for any, and HOST to an address of this machine",
    );
  });
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound ? bound.port : address.port,
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

async function answer(
  response: ServerResponse,
  checking: boolean | Promise<boolean>,
): Promise<void> {
  const isWell = await checking;
  response
    .writeHead(isWell ? 200 : 503, { "content-type": "text/plain" })
    .end(isWell ? "ok\n" : "unavailable\n");
}

function listen(server: Server, { host, port }: HealthAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, ...(host !== null && { host }) }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
