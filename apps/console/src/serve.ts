/** Pages over HTTP, to as many at once as are answered. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { App } from "./ports.ts";

/** Left for what is being answered, once the console is to stop. */
const shutdownMs = 10_000;

/** Whoever takes what is sent slowly, or not at all, holds one each. */
const mostConnections = 500;

/** On port 0 it takes a free one; what it answers may depend on which. */
export async function servePages(
  { HOST: host, PORT: port }: { readonly HOST: string; readonly PORT: number },
  createApp: (address: AddressInfo) => Promise<App>,
): Promise<AsyncDisposable & { readonly address: AddressInfo }> {
  const http = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 });
  http.maxConnections = mostConnections;
  // Requests that are sent in a row would be answered into memory, whether anybody reads the answers or not.
  http.maxRequestsPerSocket = 1;
  http.on("dropRequest", (_, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    http.once("error", reject).listen(port, host, resolve);
  });
  const address = http.address() as AddressInfo;
  const answers = getRequestListener((await createApp(address)).fetch);
  http.on("request", (...pair) => void answers(...pair));
  return {
    address,
    // What is being answered is answered first: an opening is in the audit already.
    async [Symbol.asyncDispose]() {
      const giveUp = setTimeout(() => http.closeAllConnections(), shutdownMs);
      await new Promise((resolve) => http.close(resolve));
      clearTimeout(giveUp);
    },
  };
}
