/** HTTP servers on this machine, each until its test has ended. */

import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export async function serve(listener: RequestListener): Promise<URL> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, "listening");
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
}

/** A consumer that says one text after the other, and then the last again. */
export function serveTexts(...texts: readonly string[]): Promise<URL> {
  const left = [...texts];
  return serve((_, response) => response.end(left.length > 1 ? left.shift() : left[0]));
}
