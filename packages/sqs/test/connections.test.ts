import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempDisposable, readFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createServer as createTlsServer,
  getCACertificates,
  setDefaultCACertificates,
} from "node:tls";
import { describe, expect, test, vi } from "vitest";
import { openConnections } from "../src/connections.ts";

const request = { head: "POST / HTTP/1.1\r\nhost:x\r\n", body: "é", timeoutMs: 10_000 };
const answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

test("one connection carries one exchange after another", async () => {
  await using server = await listen(createServer(), answer);
  using connections = open(server);

  await connections.exchange(request);
  await connections.exchange(request);

  expect(server.sockets.size).toBe(1);
  expect(server.heard()).toBe("POST / HTTP/1.1\r\nhost:x\r\ncontent-length:2\r\n\r\né".repeat(2));
});

test("a connection that the server has closed, or that it speaks on unasked, is not used again", async () => {
  await using server = await listen(createServer(), answer);
  using connections = open(server);
  await connections.exchange(request);
  for (const [socket, what] of [...server.sockets].map((socket) => [socket, "unasked"] as const)) {
    socket.write(what);
    await once(socket, "close");
  }
  await connections.exchange(request);
  for (const socket of server.sockets) if (!socket.destroyed) socket.end();
  await vi.waitUntil(() => [...server.sockets].every(({ destroyed }) => destroyed));

  await expect(connections.exchange(request)).resolves.toMatchObject({ text: "{}" });

  expect(server.sockets.size).toBe(3);
});

test("an exchange that its caller aborts ends, and so does its connection", async () => {
  await using server = await listen(createServer(), null);
  using connections = open(server);
  const abort = new AbortController();
  const exchanging = connections.exchange({ ...request, signal: abort.signal });
  await vi.waitUntil(() => server.heard() !== "");

  abort.abort();

  await expect(exchanging).rejects.toMatchObject({ code: "aborted" });
  await vi.waitUntil(() => [...server.sockets].every(({ destroyed }) => destroyed));
});

test.each(["HTTP/1.1 100 Continue\r\n\r\n", "x"])(
  "a server that says %j again and again, and no answer, is waited for no longer than one that is silent",
  async (drop) => {
    await using server = await listen(createServer(), null);
    using connections = open(server);
    const exchanging = connections.exchange({ ...request, timeoutMs: 300 });
    const dripping = setInterval(() => {
      for (const socket of server.sockets) socket.write(drop);
    }, 20);
    try {
      await expect(exchanging).rejects.toMatchObject({ code: "timeout" });
    } finally {
      clearInterval(dripping);
    }
  },
);

const hasOpenssl = ((): boolean => {
  try {
    return execFileSync("openssl", ["version"]).length > 0;
  } catch {
    return false;
  }
})();

describe.skipIf(!hasOpenssl)("over TLS, which takes openssl to test", () => {
  test("a server whose certificate nobody vouches for is told nothing", async () => {
    await using server = await listenTls();
    using connections = open(server);

    await expect(connections.exchange(request)).rejects.toMatchObject({
      code: "DEPTH_ZERO_SELF_SIGNED_CERT",
    });

    expect(server.heard()).toBe("");
  });

  test("a trusted server is, on one connection", async () => {
    await using server = await listenTls();
    using connections = open(server);
    const trusted = getCACertificates();
    setDefaultCACertificates([...trusted, server.certificate]);
    try {
      await connections.exchange(request);
      await connections.exchange(request);
    } finally {
      setDefaultCACertificates(trusted);
    }
    expect(server.sockets.size).toBe(1);
    expect(server.heard()).toContain("é");
  });
});

interface Listening extends AsyncDisposable {
  readonly url: URL;
  readonly sockets: ReadonlySet<Socket>;
  /** All that it was told. */
  readonly heard: () => string;
}

/** Says the same for every request, or nothing. */
async function listen(
  server: Server,
  say: string | null,
  { protocol, event }: { protocol: string; event: string } = {
    protocol: "http",
    event: "connection",
  },
): Promise<Listening> {
  const sockets = new Set<Socket>();
  let heard = "";
  server.on(event, (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.setEncoding("utf8").on("data", (text) => {
      heard += String(text);
      if (say !== null && heard.endsWith(request.body)) socket.write(say);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`${protocol}://127.0.0.1:${port}`),
    sockets,
    heard: () => heard,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function listenTls(): Promise<Listening & { readonly certificate: string }> {
  await using directory = await mkdtempDisposable(join(tmpdir(), "tls-"));
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(directory.path, name));
  const options =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1";
  execFileSync("openssl", [...options.split(" "), "-keyout", key ?? "", "-out", cert ?? ""], {
    stdio: "ignore",
  });
  const certificate = await readFile(cert ?? "", "utf8");
  const server = createTlsServer({ key: await readFile(key ?? ""), cert: certificate });
  server.on("tlsClientError", () => {});
  const listening = await listen(server, answer, { protocol: "https", event: "secureConnection" });
  return { ...listening, certificate };
}

function open({ url }: Listening) {
  const connections = openConnections(url, 10_000);
  return { ...connections, [Symbol.dispose]: connections.close };
}
