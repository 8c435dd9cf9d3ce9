/** Values as far as a grant reveals them. */

import { canonicalize, type NormId } from "@org/masking";

export type Reveal = "full" | "partial";

/** Shorter values would be mostly their last four characters. */
const shortest = 8;
/** RFC 4291 section 2.5.5.2: what precedes an IPv4 address in an IPv6 one. */
const mappedPrefix = "00000000000000000000ffff";

/** Partial: the network of an IP address (/24, /64), the last four characters of another field, of a body nothing. */
export function revealed(norm: NormId | null, value: string, reveal: Reveal): string {
  if (reveal === "full") return value;
  if (norm === null) return "…";
  if (norm === "ip/1") return networkOf(Buffer.from(canonicalize("ip-net/1", value)));
  return value.length < shortest ? "…" : `…${value.slice(-4)}`;
}

function networkOf(network: Buffer): string {
  if (network.toString("hex", 0, 12) === mappedPrefix)
    return `${network.subarray(12).join(".")}/24`;
  const groups = [0, 2, 4, 6].map((at) => network.readUInt16BE(at).toString(16));
  return `${groups.join(":")}::/64`;
}
