/** Values as far as a grant reveals them. */

import { isIPv6 } from "node:net";

export type Reveal = "full" | "partial";

/** Shorter values would be mostly their last four characters. */
const shortest = 8;

/** Partial: the network of an IP address (/24, /64), the last four characters of anything else. */
export function revealed(field: string, value: string, reveal: Reveal): string {
  if (reveal === "full") return value;
  if (field !== "ip") return value.length < shortest ? "…" : `…${value.slice(-4)}`;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(value)?.[1] ?? value;
  return isIPv6(mapped) ? network6(mapped) : mapped.replace(/\.\d+$/, ".0/24");
}

function network6(address: string): string {
  // The URL parser writes an address in its canonical form (RFC 5952).
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return `${[...before, ...zeros, ...after].slice(0, 4).join(":")}::/64`;
}
