/**
 * Stands before the queue server and forgets some deletes that it has confirmed.
 *
 * SQS may deliver a deleted message again (API_DeleteMessage, "on rare occasions"). Local servers
 * never do, so the demo makes it happen: these messages come back after they were committed.
 */
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request as openRequest,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";
import { json } from "node:stream/consumers";

export interface ForgetfulQueue extends AsyncDisposable {
  readonly endpoint: string;
}

interface DeleteMessageBatch {
  readonly Entries: readonly { readonly Id: string }[];
}

/** Forgets the first `batches` batch deletes; all else goes through to `endpoint`. */
export async function startForgetfulQueue(
  endpoint: string,
  { batches }: { batches: number },
): Promise<ForgetfulQueue> {
  let left = batches;

  const server = createServer((request, response) => {
    const isDelete = request.headers["x-amz-target"] === "AmazonSQS.DeleteMessageBatch";
    if (isDelete && left > 0) {
      left -= 1;
      confirm(request, response).catch(() => response.destroy());
    } else {
      forward(request, response, endpoint);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function confirm(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { Entries: entries } = (await json(request)) as DeleteMessageBatch;
  const answer = { Successful: entries.map(({ Id }) => ({ Id })), Failed: [] };
  response.writeHead(200, { "content-type": "application/x-amz-json-1.0" });
  response.end(JSON.stringify(answer));
}

function forward(request: IncomingMessage, response: ServerResponse, endpoint: string): void {
  const { method, headers, url = "/" } = request;
  const upstream = openRequest(new URL(url, endpoint), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    pipeline(answer, response, () => {});
  });
  upstream.on("error", () => response.destroy());
  response.on("close", () => upstream.destroy());
  pipeline(request, upstream, () => {});
}
