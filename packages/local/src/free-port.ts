/** Finds a port of the loopback interface on which nothing listens. */
import { randomInt } from "node:crypto";
import getPort from "get-port";

/**
 * A free port below the ephemeral range.
 *
 * A server that stops and starts again needs its port back. An ephemeral port may
 * by then belong to an outgoing connection, even to one that a waiting client made
 * to itself.
 */
export function freePort(): Promise<number> {
  const candidates = Array.from({ length: 50 }, () => randomInt(15_000, 32_000));
  return getPort({ host: "127.0.0.1", port: candidates });
}
