/** AWS Lambda's side of the runtime API, for one sandbox. */
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { once } from "node:events";
import { text } from "node:stream/consumers";

/** How an invocation, or the start of a sandbox, ended. */
export interface Ending {
  readonly kind: "response" | "error";
  readonly body: Readonly<Record<string, unknown>>;
}

export interface RuntimeApi extends AsyncDisposable {
  /** Host and port, as AWS_LAMBDA_RUNTIME_API names them. */
  readonly address: string;
  /** Hands an event to the sandbox as soon as it asks. */
  readonly invoke: (event: unknown, options?: { timeoutMs?: number }) => Promise<Ending>;
  /** Resolves where the sandbox says that it cannot start. */
  readonly initError: Promise<Ending>;
}

interface Invocation {
  readonly id: string;
  readonly event: unknown;
  readonly timeoutMs: number;
}

export async function startRuntimeApi(): Promise<RuntimeApi> {
  const waiting: Invocation[] = [];
  const endings = new Map<string, (ending: Ending) => void>();
  const initError = Promise.withResolvers<Ending>();
  let poll: ServerResponse | null = null;
  let invocations = 0;

  function handOver(): void {
    const next = poll && waiting.shift();
    if (!poll || !next) return;
    const headers = {
      "content-type": "application/json",
      "lambda-runtime-aws-request-id": next.id,
      "lambda-runtime-deadline-ms": String(Date.now() + next.timeoutMs),
    };
    poll.writeHead(200, headers).end(JSON.stringify(next.event));
    poll = null;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.replace("/2018-06-01/runtime/", "") ?? "";
    if (path === "invocation/next") {
      poll = response;
      return handOver();
    }
    const body = JSON.parse(await text(request)) as Ending["body"];
    response.writeHead(202).end("{}");
    if (path === "init/error") return initError.resolve({ kind: "error", body });
    const [, id = "", kind] = path.split("/");
    endings.get(id)?.({ kind: kind === "response" ? "response" : "error", body });
  }

  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    address: `127.0.0.1:${port}`,
    initError: initError.promise,
    invoke(event, { timeoutMs = 30_000 } = {}) {
      invocations += 1;
      const id = String(invocations);
      const { promise, resolve } = Promise.withResolvers<Ending>();
      endings.set(id, resolve);
      waiting.push({ id, event, timeoutMs });
      handOver();
      return promise;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
