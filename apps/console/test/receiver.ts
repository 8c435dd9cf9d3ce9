/** An HTTP server on this machine that remembers what it was sent: a webhook's receiver, or a consumer. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Receiver extends AsyncDisposable {
  readonly url: URL;
  /** The bodies that it was sent, as they came. */
  readonly bodies: readonly string[];
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export async function openReceiver(
  answer: Answer = (response) => response.end(),
): Promise<Receiver> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    const take = async (): Promise<void> => {
      bodies.push(await text(request));
      answer(response, request);
    };
    take().catch(() => response.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    bodies,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
