import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { startDistance } from "../src/distance.ts";

test("what a server says before it closes arrives whole and in order, however long it was under way", async () => {
  const pieces = Array.from({ length: 200 }, (_, at) => `${at} `);
  await using server = createServer((socket) => void say(socket, pieces)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await using distance = await startDistance({ host: "127.0.0.1", port }, 3);

  const client = connect(distance.port, "127.0.0.1").setEncoding("utf8");
  let heard = "";
  for await (const text of client) heard += String(text);

  expect(heard).toBe(pieces.join(""));
});

async function say(socket: Socket, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise(setImmediate);
  }
  socket.end();
}
