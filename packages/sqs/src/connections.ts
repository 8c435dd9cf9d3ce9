/** Connections of one kind to one server, kept open: an exchange on each at a time, over HTTP/1.1. */

import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { type Answer, type AnswerReader, createAnswerReader } from "./answer-reader.ts";
import { QueueError } from "./queue-error.ts";

export interface ExchangeRequest {
  /** All lines of the request but that of its length. */
  readonly head: string;
  readonly body: string;
  /** How long the head of the answer may take. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Connections {
  /**
   * Sends a request on a connection that is free, or on a new one, and resolves with its answer.
   * Rejects with a {@link QueueError} or a socket's error; at once where `signal` aborts.
   */
  readonly exchange: (request: ExchangeRequest) => Promise<Answer>;
  /** Ends all of them; what is under way rejects. */
  readonly close: () => void;
}

/** Servers and what is before them close or forget a connection that is idle for long. */
const IDLE_MS = 4_000;

/** How exactly a time limit is kept: one timer serves all connections. */
const SWEEP_MS = 200;

/** An exchange under way. */
interface Exchange {
  readonly reader: AnswerReader;
  readonly timeoutMs: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  deadlineMs: number;
}

interface Connection {
  readonly send: (request: ExchangeRequest) => Promise<Answer>;
  readonly fail: (error: unknown) => void;
  readonly deadlineMs: () => number;
  idleSinceMs: number;
}

/** @param callMs - How long a connection may take, and a pause in an answer. */
export function openConnections(endpoint: URL, callMs: number): Connections {
  const open = new Set<Connection>();
  /** The one that was used last is at the end, and taken first. */
  const idle: Connection[] = [];
  const connect = createConnect(endpoint);
  let isClosed = false;

  const sweep = setInterval(() => {
    const nowMs = performance.now();
    for (const connection of open) {
      if (connection.deadlineMs() < nowMs) connection.fail(new QueueError("timeout"));
    }
    while (isStale(idle[0], nowMs)) idle[0]?.fail(null);
  }, SWEEP_MS);
  sweep.unref();

  function takeIdle(): Connection | null {
    const connection = idle.pop();
    if (connection === undefined || !isStale(connection, performance.now())) {
      return connection ?? null;
    }
    // What was idle for longer is older still.
    for (const stale of [connection, ...idle]) stale.fail(null);
    return null;
  }

  function openConnection(): Connection {
    const socket = connect();
    let current: Exchange | null = null;
    let unsent: string | null = null;
    let isConnected = false;

    const fail = (error: unknown): void => {
      const failed = current;
      current = null;
      open.delete(connection);
      const at = idle.indexOf(connection);
      if (at >= 0) idle.splice(at, 1);
      socket.destroy();
      failed?.reject(error);
    };

    /** An answer that ends its connection, or that another byte follows, is the last on it. */
    const finish = (answer: Answer): void => {
      const finished = current;
      current = null;
      if (answer.keepsAlive) {
        connection.idleSinceMs = performance.now();
        idle.push(connection);
      } else {
        fail(null);
      }
      finished?.resolve(answer);
    };

    const read = (from: (reader: AnswerReader) => Answer | null): boolean => {
      if (current === null) return false;
      try {
        const answer = from(current.reader);
        if (answer !== null) finish(answer);
        return answer !== null;
      } catch (error) {
        fail(error);
        return true;
      }
    };

    socket.on(connect.readyEvent, () => {
      isConnected = true;
      if (current === null || unsent === null) return;
      current.deadlineMs = performance.now() + current.timeoutMs;
      socket.write(unsent);
      unsent = null;
    });
    socket.on("data", (bytes: Buffer) => {
      // Nobody has asked for it.
      if (current === null) fail(null);
      else if (!read((reader) => reader.take(bytes)) && current?.reader.hasHead()) {
        // Of a head that comes byte by byte, or after interim answers without an end, all counts as one.
        current.deadlineMs = performance.now() + callMs;
      }
    });
    socket.on("end", () => {
      if (!read((reader) => reader.end())) fail(cutOff());
    });
    socket.on("error", fail);
    socket.on("close", () => fail(cutOff()));

    const connection: Connection = {
      idleSinceMs: 0,
      fail,
      deadlineMs: () => current?.deadlineMs ?? Infinity,
      async send({ head, body, timeoutMs }) {
        return new Promise((resolve, reject) => {
          const bytes = Buffer.byteLength(body);
          const text = `${head}content-length:${bytes}\r\n\r\n${body}`;
          const deadlineMs = performance.now() + (isConnected ? timeoutMs : callMs);
          current = { reader: createAnswerReader(), timeoutMs, resolve, reject, deadlineMs };
          // Before the server has shown who it is, it is told nothing.
          if (!isConnected) unsent = text;
          else socket.write(text, bytes === body.length ? "latin1" : "utf8");
        });
      },
    };
    open.add(connection);
    return connection;
  }

  return {
    async exchange(request) {
      if (isClosed) throw new QueueError("closed");
      const connection = takeIdle() ?? openConnection();
      const { signal } = request;
      if (signal === undefined) return connection.send(request);
      const abort = (): void => connection.fail(new QueueError("aborted"));
      signal.addEventListener("abort", abort, { once: true });
      const answered = connection.send(request);
      if (signal.aborted) abort();
      return answered.finally(() => signal.removeEventListener("abort", abort));
    },
    close() {
      isClosed = true;
      clearInterval(sweep);
      for (const connection of open) connection.fail(new QueueError("closed"));
    },
  };
}

function isStale(connection: Connection | undefined, nowMs: number): boolean {
  return connection !== undefined && nowMs - connection.idleSinceMs > IDLE_MS;
}

interface Connect {
  (): Socket;
  /** When a request may be sent: over TLS, when the server's certificate has been checked. */
  readonly readyEvent: "connect" | "secureConnect";
}

function createConnect({ protocol, hostname, port }: URL): Connect {
  // A URL puts an IPv6 address into brackets.
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const isTls = protocol === "https:";
  let session: Buffer | undefined;

  function connectSocket(): Socket {
    if (!isTls) return connectTcp({ host, port: Number(port || 80) });
    const socket = connectTls({
      host,
      port: Number(port || 443),
      ALPNProtocols: ["http/1.1"],
      ...(isIP(host) === 0 && { servername: host }),
      ...(session && { session }),
    });
    return socket.on("session", (given: Buffer) => (session = given));
  }

  const connect = (): Socket => connectSocket().setNoDelay(true).setKeepAlive(true, 60_000);
  return Object.assign(connect, { readyEvent: isTls ? "secureConnect" : "connect" } as const);
}

function cutOff(): QueueError {
  return new QueueError("network", { systemCode: "ECONNRESET" });
}
