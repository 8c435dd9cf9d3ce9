import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";

import { expect, test } from "vitest";

import { openHealthServer } from "../src/health.ts";
import type { HealthServer } from "../src/health.ts";

const checks = {
  live: () => true,
  ready: () => false,
  metrics(_: unknown, response: { readonly end: (text: string) => void }) {
    response.end("metrics");
  },
};

const open = (host: string | null): Promise<HealthServer> =>
  openHealthServer({ host, port: 0 }, checks);

async function closes(socket: Socket): Promise<void> {
  socket.on("error", () => {}).resume();
  await once(socket, "close");
}

test("answers probes and scrapers", async () => {
  await using server = await open("127.0.0.1");
  const ask = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${server.port}/${path}`);
  expect((await ask("live")).status).toBe(200);
  expect((await ask("ready?x=1")).status).toBe(503);
  expect(await (await ask("metrics")).text()).toBe("metrics");
  expect((await ask("other")).status).toBe(404);
});

test("listens where HOST says, and nowhere else", async () => {
  await using server = await open("127.0.0.1");
  const elsewhere = connect({ host: "127.0.0.2", port: server.port });
  const [error] = await once(elsewhere, "error");
  expect(error).toMatchObject({ code: "ECONNREFUSED" });
});

test("a connection that asks for nothing, or never ends its request, is closed", async () => {
  await using server = await open("127.0.0.1");
  const silent = connect({ host: "127.0.0.1", port: server.port });
  const slow = connect({ host: "127.0.0.1", port: server.port });
  slow.write("GET /live HTTP/1.1\r\nx-never: ");
  const startedMs = performance.now();
  await Promise.all([closes(silent), closes(slow)]);
  expect(performance.now() - startedMs).toBeLessThan(15_000);
}, 30_000);

test("a connection has one answer, however many requests it sends in a row", async () => {
  let scrapes = 0;
  const metrics: typeof checks.metrics = (_, response) => {
    scrapes += 1;
    response.end("metrics");
  };
  await using server = await openHealthServer(
    { host: "127.0.0.1", port: 0 },
    { ...checks, metrics },
  );
  const socket = connect({ host: "127.0.0.1", port: server.port });
  socket.end("GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n".repeat(1_000));
  await closes(socket);
  expect(scrapes).toBe(1);
});

test("of three hundred connections at once, a hundred are kept", async () => {
  await using server = await open("127.0.0.1");
  const sockets = Array.from({ length: 300 }, () =>
    connect({ host: "127.0.0.1", port: server.port }),
  );
  let openSockets = sockets.length;
  for (const socket of sockets) {
    socket
      .on("error", () => {})
      .on("close", () => (openSockets -= 1))
      .resume();
  }
  await expect.poll(() => openSockets, { timeout: 4_000 }).toBeLessThanOrEqual(100);
  for (const socket of sockets) socket.destroy();
});
