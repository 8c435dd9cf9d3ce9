/** How far a queue or a database is, in milliseconds, as networks have it. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Of one exchange: a fifth of jitter either way, and one in a hundred that takes four times as long. */
export function distanceMs(medianMs: number): number {
  const isTail = Math.random() < 0.01;
  return medianMs * (isTail ? 4 : 0.8 + 0.4 * Math.random());
}

export interface Distance extends AsyncDisposable {
  readonly port: number;
}

/**
 * Listens on a free port of 127.0.0.1 in front of a server, and lets its answers arrive a round trip
 * later: in order, and as many on their way at once as there are, as a network does.
 */
export async function startDistance(
  server: { readonly host: string; readonly port: number },
  rttMs: number,
): Promise<Distance> {
  const sockets = new Set<Socket>();
  const listener = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ ...server, noDelay: true });
    client.pipe(upstream);
    /** Null is the end. */
    const underWay: (Buffer | null)[] = [];
    let arrivesAtMs = 0;
    const arriveLater = (what: Buffer | null): void => {
      const nowMs = performance.now();
      arrivesAtMs = Math.max(arrivesAtMs, nowMs + distanceMs(rttMs));
      underWay.push(what);
      // Timers of one millisecond may end in any order: each lets the first chunk arrive.
      setTimeout(() => {
        const first = underWay.shift() ?? null;
        if (first === null) client.end();
        else client.write(first);
      }, arrivesAtMs - nowMs);
    };
    upstream.on("data", arriveLater);
    upstream.once("close", () => arriveLater(null));
    client.once("close", () => upstream.destroy());
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => sockets.delete(socket));
    }
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    port: (listener.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(listener, "close");
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
