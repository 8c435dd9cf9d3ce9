import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FaultProxy, startFaultProxy } from "../src/fault-proxy.ts";

const run = promisify(execFile);

let echo: Server;
let arrived: string;
let requested: string;
let accepted: Socket[];
let proxy: FaultProxy;

beforeEach(async () => {
  arrived = "";
  requested = "";
  accepted = [];
  echo = createServer((socket) => {
    accepted.push(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      arrived += chunk.toString();
      socket.write(chunk);
    });
  }).listen(0, "127.0.0.1");
  await once(echo, "listening");
  proxy = await startFaultProxy({
    host: "127.0.0.1",
    port: (echo.address() as AddressInfo).port,
    onRequest: (bytes) => {
      requested += bytes.toString();
    },
  });
});

afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  echo.close();
});

interface Caller extends Disposable {
  readonly socket: Socket;
  readonly received: () => string;
  /** Resolves with "end" or an error's code. */
  readonly outcome: Promise<string>;
}

async function call(): Promise<Caller> {
  const socket = connect(proxy.port, proxy.host);
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk.toString();
  });
  const outcome = new Promise<string>((resolve) => {
    socket.once("end", () => resolve("end"));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
  });
  await once(socket, "connect");
  return {
    socket,
    received: () => received,
    outcome,
    [Symbol.dispose]: () => socket.destroy(),
  };
}

describe("startFaultProxy", () => {
  it("passes bytes both ways, and an end, until told otherwise", async () => {
    using caller = await call();
    const payload = "x".repeat(300_000);
    caller.socket.end(payload);
    expect(await caller.outcome).toBe("end");
    expect(caller.received()).toBe(payload);
  });

  it("delays what it passes", async () => {
    proxy.setFault({ kind: "delay", ms: 5 });
    using caller = await call();
    const startedAt = performance.now();
    caller.socket.write("hello");
    await vi.waitFor(() => expect(caller.received()).toBe("hello"));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(9);
  });

  it("drips a response", async () => {
    proxy.setFault({ kind: "drip", bytes: 2, everyMs: 1 });
    using caller = await call();
    const sizes: number[] = [];
    caller.socket.on("data", (chunk) => sizes.push(chunk.length));
    caller.socket.write("abcdefghij");
    await vi.waitFor(() => expect(caller.received()).toBe("abcdefghij"));
    expect(sizes.length).toBeGreaterThan(1);
  });

  it("truncates a response, and ends it as if it were whole", async () => {
    proxy.setFault({ kind: "truncate", afterBytes: 4 });
    using caller = await call();
    caller.socket.write("abcdefghij");
    expect(await caller.outcome).toBe("end");
    expect(caller.received()).toBe("abcd");
  });

  it("resets a connection at its next byte, or every one at once", async () => {
    using quiet = await call();
    using talking = await call();
    proxy.setFault({ kind: "reset" });
    talking.socket.write("hello");
    expect(await talking.outcome).toBe("ECONNRESET");
    expect(arrived).toBe("");
    proxy.resetConnections();
    expect(await quiet.outcome).toBe("ECONNRESET");
  });

  it("swallows everything in a black hole, also the news that the server is gone", async () => {
    using caller = await call();
    caller.socket.write("before ");
    await vi.waitFor(() => expect(caller.received()).toBe("before "));

    proxy.setFault({ kind: "black_hole" });
    caller.socket.write("during");
    for (const socket of accepted) socket.destroy();

    expect(await Promise.race([caller.outcome, sleep(50, "silence")])).toBe("silence");
    expect(arrived).toBe("before ");
    expect(caller.received()).toBe("before ");
  });

  it("keeps a connection that has lost bytes silent, and opens new ones as told", async () => {
    using lost = await call();
    proxy.setFault({ kind: "black_hole" });
    lost.socket.write("lost");
    using unaware = await call();
    await vi.waitFor(() => expect(requested).toBe("lost"));
    proxy.setFault({ kind: "pass" });
    lost.socket.write("later");
    unaware.socket.write("hello");

    await vi.waitFor(() => expect(unaware.received()).toBe("hello"));
    expect(lost.received()).toBe("");
    expect(arrived).toBe("hello");
  });

  it("delivers a request and swallows its response", async () => {
    proxy.setFault({ kind: "swallow_response" });
    using caller = await call();
    caller.socket.write("COMMIT");
    await vi.waitFor(() => expect(arrived).toBe("COMMIT"));
    expect(await Promise.race([caller.outcome, sleep(50, "silence")])).toBe("silence");
    expect(caller.received()).toBe("");
  });

  it("closes when asked to, also over a caller that left without its answer", async () => {
    proxy.setFault({ kind: "swallow_response" });
    using caller = await call();
    caller.socket.end("question");
    await vi.waitUntil(() => arrived === "question");
    for (const socket of accepted) socket.end();
    await vi.waitUntil(() => accepted.every((socket) => socket.closed));
    await proxy[Symbol.asyncDispose]();
    expect(await caller.outcome).toBe("ECONNRESET");
    proxy = await startFaultProxy({ host: "127.0.0.1", port: 1 });
  });

  it("lets a test choose the request at which one connection breaks", async () => {
    await using chosen = await startFaultProxy({
      host: "127.0.0.1",
      port: (echo.address() as AddressInfo).port,
      onRequest: (bytes, connection) => {
        if (bytes.includes("COMMIT")) connection.setFault({ kind: "swallow_response" });
      },
    });
    proxy = chosen;
    using broken = await call();
    using whole = await call();
    broken.socket.write("BEGIN ");
    await vi.waitFor(() => expect(broken.received()).toBe("BEGIN "));
    broken.socket.write("COMMIT");
    await vi.waitFor(() => expect(arrived).toBe("BEGIN COMMIT"));
    whole.socket.write("BEGIN");
    await vi.waitFor(() => expect(whole.received()).toBe("BEGIN"));
    expect(broken.received()).toBe("BEGIN ");
  });

  it("shows each response before it is passed on, so that a test can lose it", async () => {
    await using chosen = await startFaultProxy({
      host: "127.0.0.1",
      port: (echo.address() as AddressInfo).port,
      onResponse: (bytes, connection) => {
        if (bytes.includes("COMMIT")) connection.setFault({ kind: "reset" });
      },
    });
    proxy = chosen;
    using caller = await call();
    caller.socket.write("COMMIT");
    expect(await caller.outcome).toBe("ECONNRESET");
    expect(arrived).toBe("COMMIT");
    expect(caller.received()).toBe("");
  });

  it("breaks a caller whose server is not there", async () => {
    echo.close();
    await once(echo, "close");
    using caller = await call();
    expect(await caller.outcome).toBe("ECONNRESET");
  });

  it("keeps no process from ending that has reset a connection which was just ended", async () => {
    const user = fileURLToPath(new URL("./proxy-user.ts", import.meta.url));
    const ended = run(process.execPath, ["--conditions=@org/source", user], { timeout: 30_000 });
    await expect(ended).resolves.toMatchObject({ stderr: "" });
  });
});
