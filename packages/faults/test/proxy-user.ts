// Has a proxy reset connections in the moment in which their caller leaves, and then ends by itself.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { startFaultProxy } from "../src/fault-proxy.ts";

const server = createServer().listen(0, "127.0.0.1");
await once(server, "listening");
const proxy = await startFaultProxy({
  host: "127.0.0.1",
  port: (server.address() as AddressInfo).port,
  onResponse: (_bytes, connection) => connection.setFault({ kind: "reset" }),
});

for (let attempt = 0; attempt < 5; attempt += 1) {
  const arrived = once(server, "connection") as Promise<[Socket]>;
  const caller = connect(proxy.port, proxy.host);
  const [served] = await arrived;
  served.on("error", () => {}).resume();
  caller.write("question");
  await once(served, "data");
  // Both are under way before the proxy can look, so it meets the end and the answer together.
  caller.destroy();
  served.write("answer");
  await sleep(10);
}
await proxy[Symbol.asyncDispose]();
server.close();
