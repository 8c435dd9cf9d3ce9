/** A TCP proxy that breaks connections on purpose, for tests of what a consumer does then. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What happens to bytes under way. "Response" is what the server sends to the client. */
export type Fault =
  | { readonly kind: "pass" }
  /** Every chunk waits, in both directions. */
  | { readonly kind: "delay"; readonly ms: number }
  /** The response trickles: a few bytes at a time. */
  | { readonly kind: "drip"; readonly bytes: number; readonly everyMs: number }
  /** The response ends, as if complete, after this many more bytes. */
  | { readonly kind: "truncate"; readonly afterBytes: number }
  /** The connection is reset at its next byte. */
  | { readonly kind: "reset" }
  /** Nothing arrives in either direction, and nobody is told. */
  | { readonly kind: "black_hole" }
  /** Requests arrive, their answers do not. */
  | { readonly kind: "swallow_response" };

export interface ProxiedConnection {
  /** Overrides the proxy's fault for this connection. */
  readonly setFault: (fault: Fault) => void;
}

export interface FaultProxyOptions {
  readonly host: string;
  readonly port: number;
  /** Sees each chunk of a request before it is sent on, for a fault at a chosen moment. */
  readonly onRequest?: (bytes: Buffer, connection: ProxiedConnection) => void;
  /** The same for each chunk of a response. */
  readonly onResponse?: (bytes: Buffer, connection: ProxiedConnection) => void;
}

export interface FaultProxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /**
   * Takes effect at the next byte of every connection, open or new.
   *
   * A connection that has lost bytes stays as it is until it is closed: TCP never skips bytes and goes on.
   */
  readonly setFault: (fault: Fault) => void;
  /** Resets every open connection. */
  readonly resetConnections: () => void;
}

type Direction = "request" | "response";

const pass: Fault = { kind: "pass" };
const responseFaults: ReadonlySet<Fault["kind"]> = new Set([
  "drip",
  "truncate",
  "swallow_response",
]);

/** Listens on a free port of 127.0.0.1 and passes everything on to `host`:`port`. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const connections = new Set<Connection>();
  let fault = pass;

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const { host, port } = options;
    const upstream = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const connection = openConnection({
      client,
      upstream,
      sharedFault: () => fault,
      onChunk(bytes, direction) {
        const see = direction === "request" ? options.onRequest : options.onResponse;
        see?.(bytes, connection);
      },
    });
    connections.add(connection);
    void connection.closed.then(() => connections.delete(connection));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const resetConnections = (): void => {
    for (const connection of connections) connection.reset();
  };
  return {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    setFault(next) {
      fault = next;
    },
    resetConnections,
    async [Symbol.asyncDispose]() {
      server.close();
      resetConnections();
      await once(server, "close");
    },
  };
}

interface Connection extends ProxiedConnection {
  /** Resolves when both sockets are gone; until then the connection can be reset. */
  readonly closed: Promise<unknown>;
  readonly reset: () => void;
}

interface ConnectionOptions {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly sharedFault: () => Fault;
  readonly onChunk: (bytes: Buffer, direction: Direction) => void;
}

function openConnection({ client, upstream, sharedFault, onChunk }: ConnectionOptions): Connection {
  let ownFault: Fault | undefined;
  let responseBytesLeft: number | undefined;
  const lost = new Set<Direction>();

  const faultOf = (direction: Direction): Fault => {
    const fault = ownFault ?? sharedFault();
    return direction === "request" && responseFaults.has(fault.kind) ? pass : fault;
  };

  const isSilent = (direction: Direction): boolean =>
    lost.has(direction) || ["black_hole", "swallow_response"].includes(faultOf(direction).kind);

  const reset = (): void => {
    for (const socket of [client, upstream]) {
      // libuv refuses to reset while a FIN is under way, and Node then never closes the socket.
      if (socket.writableEnded && !socket.writableFinished) socket.destroy();
      else socket.resetAndDestroy();
    }
  };

  /** What the fault leaves of a chunk, piece by piece. */
  async function* piecesOf(chunk: Buffer, direction: Direction): AsyncGenerator<Buffer> {
    if (lost.has(direction)) return;
    const fault = faultOf(direction);
    switch (fault.kind) {
      case "pass":
        yield chunk;
        return;
      case "delay":
        await sleep(fault.ms);
        yield chunk;
        return;
      case "drip":
        yield* drip(chunk, fault);
        return;
      case "truncate":
        responseBytesLeft ??= fault.afterBytes;
        yield chunk.subarray(0, responseBytesLeft);
        responseBytesLeft -= chunk.length;
        if (responseBytesLeft < 0) {
          lost.add(direction);
          client.end();
        }
        return;
      case "reset":
        reset();
        return;
      case "black_hole":
      case "swallow_response":
        lost.add(direction);
    }
  }

  async function relay(from: Socket, to: Socket, direction: Direction): Promise<void> {
    const closed = new AbortController();
    to.once("close", () => closed.abort());
    try {
      // The socket outlives its last byte: the other direction may still be open.
      for await (const chunk of from.iterator({ destroyOnReturn: false })) {
        onChunk(chunk as Buffer, direction);
        for await (const piece of piecesOf(chunk as Buffer, direction)) {
          if (!to.write(piece)) await once(to, "drain", { signal: closed.signal });
        }
      }
      if (!isSilent(direction)) to.end();
    } catch {
      if (!isSilent(direction)) reset();
    }
  }

  // An error that comes after a direction has ended has nobody else to go to.
  for (const socket of [client, upstream]) socket.on("error", () => {});
  const closed = Promise.all(
    [client, upstream].map(
      (socket) => new Promise<void>((resolve) => socket.once("close", () => resolve())),
    ),
  );
  void relay(client, upstream, "request");
  void relay(upstream, client, "response");
  return {
    setFault(fault) {
      ownFault = fault;
    },
    reset,
    closed,
  };
}

async function* drip(
  chunk: Buffer,
  { bytes, everyMs }: { readonly bytes: number; readonly everyMs: number },
): AsyncGenerator<Buffer> {
  for (let start = 0; start < chunk.length; start += bytes) {
    if (start > 0) await sleep(everyMs);
    yield chunk.subarray(start, start + bytes);
  }
}
