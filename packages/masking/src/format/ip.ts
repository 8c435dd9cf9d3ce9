/** IP addresses as 16 bytes: every spelling of one address gives the same bytes, anything else is refused. */

const zero = 0x30;
const nine = 0x39;
const dot = 0x2e;
const colon = 0x3a;

/** `::ffff:0:0/96`, where IPv4 lives in IPv6 (RFC 4291 section 2.5.5.2). */
const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] as const;

/**
 * Reads an IPv4 or IPv6 address.
 *
 * Leading zeros in IPv4 are refused, since some readers take them for octal; so are ports, zone
 * ids, brackets, white space and shorthand such as `10.1`.
 */
export function parseIp(text: string): Uint8Array | null {
  // The longest spelling is an IPv6 address with an IPv4 tail.
  if (text.length > 45) return null;
  const bytes = new Uint8Array(16);
  if (text.includes(":") ? readIpv6(text, bytes) : readIpv4(text, bytes)) return bytes;
  bytes.fill(0);
  return null;
}

function readIpv4(text: string, bytes: Uint8Array): boolean {
  bytes.set(mappedPrefix);
  return writeIpv4(text, 0, bytes, 12);
}

/** Writes the dotted quad that runs from `start` to the end of `text`; false if it is not one. */
function writeIpv4(text: string, start: number, bytes: Uint8Array, at: number): boolean {
  let position = start;
  for (let octet = 0; octet < 4; octet += 1) {
    if (octet > 0) {
      if (text.charCodeAt(position) !== dot) return false;
      position += 1;
    }
    const first = position;
    let value = 0;
    for (; position < text.length && position < first + 3; position += 1) {
      const code = text.charCodeAt(position);
      if (code < zero || code > nine) break;
      value = value * 10 + code - zero;
    }
    const digits = position - first;
    const hasLeadingZero = digits > 1 && text.charCodeAt(first) === zero;
    if (digits === 0 || hasLeadingZero || value > 255) return false;
    bytes[at + octet] = value;
  }
  return position === text.length;
}

function readIpv6(text: string, bytes: Uint8Array): boolean {
  let at = 0;
  let gap = -1;
  let position = 0;
  if (text.startsWith("::")) {
    gap = 0;
    position = 2;
  }
  while (position < text.length) {
    if (at === 16) return false;
    const end = endOfHexDigits(text, position);
    if (text.charCodeAt(end) === dot) {
      if (at > 12 || !writeIpv4(text, position, bytes, at)) return false;
      at += 4;
      break;
    }
    if (end === position || end - position > 4) return false;
    const group = Number.parseInt(text.slice(position, end), 16);
    bytes[at] = group >> 8;
    bytes[at + 1] = group & 0xff;
    at += 2;
    if (end === text.length) break;
    if (text.charCodeAt(end) !== colon || end + 1 === text.length) return false;
    position = end + 1;
    if (text.charCodeAt(position) === colon) {
      if (gap !== -1) return false;
      gap = at;
      position += 1;
    }
  }
  return spread(bytes, at, gap);
}

function endOfHexDigits(text: string, start: number): number {
  let end = start;
  while (end < text.length) {
    const code = text.charCodeAt(end);
    const letter = code | 0x20;
    const isHexDigit = (code >= zero && code <= nine) || (letter >= 0x61 && letter <= 0x66);
    if (!isHexDigit) break;
    end += 1;
  }
  return end;
}

/** Moves what stood after `::` to the end. `::` stands for at least one group (RFC 4291 section 2.2). */
function spread(bytes: Uint8Array, length: number, gap: number): boolean {
  if (gap === -1) return length === 16;
  if (length === 16) return false;
  bytes.copyWithin(16 - (length - gap), gap, length);
  bytes.fill(0, gap, 16 - (length - gap));
  return true;
}

/** Makes an address the network it is in: /24 for IPv4, /64 for IPv6; the bits behind it are zeroed. */
export function networkOf(address: Uint8Array): Uint8Array {
  const isIpv4 = mappedPrefix.every((byte, at) => address[at] === byte);
  return address.fill(0, isIpv4 ? 15 : 8);
}
