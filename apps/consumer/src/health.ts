/** /live, /ready and /metrics over HTTP. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";

export interface HealthChecks {
  /** False when only a restart can help. */
  live(): boolean;
  /** False until polling begins, while the database cannot take writes, and while stopping. */
  ready(): boolean;
  metrics(request: IncomingMessage, response: ServerResponse): void;
}

export interface HealthServer extends AsyncDisposable {
  readonly port: number;
}

export async function openHealthServer(port: number, checks: HealthChecks): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split("?", 1)[0];
    if (path === "/metrics") checks.metrics(request, response);
    else if (path === "/live") answer(response, checks.live());
    else if (path === "/ready") answer(response, checks.ready());
    else response.writeHead(404).end();
  });
  await listen(server, port);
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : port,
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

function answer(response: ServerResponse, isWell: boolean): void {
  response
    .writeHead(isWell ? 200 : 503, { "content-type": "text/plain" })
    .end(isWell ? "ok\n" : "unavailable\n");
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
