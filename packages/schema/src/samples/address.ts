/** IP addresses in the mix of the real queue, and the ways people write one address. */
import type { Random } from "./random.ts";

const sharedVersions = [4, 6, 4, 4, 6] as const;

/** A source of addresses: one in twenty is one of a few that many share. */
export function createAddresses(random: Random): () => string {
  const shared = sharedVersions.map((version) => unicast(version, random));
  return () => {
    // Skewed, so that the most frequent tokens stand apart: the first is picked nearly half the time.
    const few = shared.slice(0, random.integer(1, shared.length));
    return spell(random.chance(1, 20) ? random.pick(few) : any(random), random);
  };
}

/** The four or eight groups of an address. */
type Address = { readonly version: 4 | 6; readonly groups: readonly number[] };

/** One in six is multicast, reserved or loopback; of the rest one in twelve is IPv6. */
function any(random: Random): Address {
  if (random.chance(1, 6)) return ipv4(specialFirstOctet(random), random);
  return unicast(random.chance(1, 12) ? 6 : 4, random);
}

function unicast(version: Address["version"], random: Random): Address {
  return version === 6 ? ipv6(random) : ipv4(random.pick(unicastFirstOctets), random);
}

/** Writes an address as some client would: IPv6 in several spellings, IPv4 now and then mapped into IPv6. */
function spell(address: Address, random: Random): string {
  if (address.version === 4) {
    const dotted = address.groups.join(".");
    return random.chance(1, 50) ? `::ffff:${dotted}` : dotted;
  }
  const padded = address.groups.map((group) => group.toString(16).padStart(4, "0")).join(":");
  switch (random.integer(1, 3)) {
    case 1:
      return padded;
    case 2:
      return padded.toUpperCase();
    default:
      // The URL parser writes IPv6 in the canonical form of RFC 5952.
      return new URL(`http://[${padded}]`).hostname.slice(1, -1);
  }
}

const unicastFirstOctets = Array.from({ length: 223 }, (_, index) => index + 1).filter(
  (octet) => octet !== 10 && octet !== 127,
);

// Nine multicast and six reserved addresses to one of loopback, as in the real sample.
function specialFirstOctet(random: Random): number {
  const kind = random.integer(1, 16);
  if (kind === 1) return 127;
  return kind <= 7 ? random.integer(240, 255) : random.integer(224, 239);
}

function ipv4(firstOctet: number, random: Random): Address {
  const rest = Array.from({ length: 3 }, () => random.integer(0, 255));
  return { version: 4, groups: [firstOctet, ...rest] };
}

// Global unicast, with a run of zeros that spellings may or may not shorten.
function ipv6(random: Random): Address {
  const prefix = [random.integer(0x2001, 0x2c0f), ...groups(3, random)];
  const host = random.chance(1, 2) ? [0, 0, 0, random.integer(1, 0xffff)] : groups(4, random);
  return { version: 6, groups: [...prefix, ...host] };
}

function groups(count: number, random: Random): number[] {
  return Array.from({ length: count }, () => random.integer(0, 0xffff));
}
