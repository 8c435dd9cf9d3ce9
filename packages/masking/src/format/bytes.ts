/** Bytes as every format here writes them: UTF-8 text, and parts that carry their length. */

const encoder = new TextEncoder();

/** Labels and most values are short ASCII, which a loop encodes several times faster. */
export function utf8(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return encoder.encode(text);
    bytes[at] = code;
  }
  return bytes;
}

/** How many bytes a text without lone surrogates takes in UTF-8. */
export function utf8Length(text: string): number {
  let { length } = text;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    // Each half of a surrogate pair is two of the four bytes.
    if (code > 0x7f) length += code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 1 : 2;
  }
  return length;
}

const poolBytes = 8192;
let pool = new Uint8Array(poolBytes);
let used = 0;

/**
 * Zeroed bytes for a moment's use. They are cut from a pool, since an allocation of more than 64
 * bytes costs as much as encrypting them; so none may be returned to a caller, who could see its
 * neighbours through `buffer`. Whoever writes a value or a key into them zeroes them after use.
 *
 * @throws RangeError if the length is none: taken from the pool, it would spoil all that follow.
 */
export function allocateTransient(length: number): Uint8Array {
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new RangeError("A length is a whole number of bytes.");
  }
  if (length > poolBytes / 8) return new Uint8Array(length);
  if (used + length > poolBytes) {
    pool = new Uint8Array(poolBytes);
    used = 0;
  }
  used += length;
  return pool.subarray(used - length, used);
}

/**
 * Each part preceded by its length in four bytes, big-endian: LP(…) of the formats. No two lists of
 * parts share an encoding, which makes it fit for what is signed, hashed or authenticated.
 *
 * @param parts - Text counts as its UTF-8 bytes.
 *
 * @example
 * ```ts
 * import { lengthPrefixed } from "@org/masking";
 *
 * console.log(Buffer.from(lengthPrefixed("ab", Uint8Array.of(1))).toString("hex")); // 0000000261620000000101
 * ```
 */
export function lengthPrefixed(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  return transientLengthPrefixed(...parts).slice();
}

/** {@link lengthPrefixed} in transient bytes. */
export function transientLengthPrefixed(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const encoded: Uint8Array[] = [];
  let total = 0;
  for (const part of parts) {
    const bytes = typeof part === "string" ? utf8(part) : part;
    encoded.push(bytes);
    total += 4 + bytes.length;
  }
  const joined = allocateTransient(total);
  let at = 0;
  for (const bytes of encoded) at = writeLengthPrefixed(bytes, joined, at);
  return joined;
}

/** LP(…) with one part more: the encoding of all parts is that of the first and that of the last. */
export function appendLengthPrefixed(encoded: Uint8Array, part: Uint8Array): Uint8Array {
  const joined = allocateTransient(encoded.length + 4 + part.length);
  joined.set(encoded);
  writeLengthPrefixed(part, joined, encoded.length);
  return joined;
}

/** Returns where it ends. */
function writeLengthPrefixed(part: Uint8Array, into: Uint8Array, at: number): number {
  writeLength(part.length, into, at);
  into.set(part, at + 4);
  return at + 4 + part.length;
}

/** Writes a text as a part of LP(…), without a copy that would have to be zeroed; returns where it ends. */
export function writeLengthPrefixedText(text: string, into: Uint8Array, at: number): number {
  const end = writeUtf8(text, into, at + 4);
  writeLength(end - at - 4, into, at);
  return end;
}

function writeUtf8(text: string, into: Uint8Array, start: number): number {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return start + encoder.encodeInto(text, into.subarray(start)).written;
    into[start + at] = code;
  }
  return start + text.length;
}

function writeLength(length: number, into: Uint8Array, at: number): void {
  into[at] = length >>> 24;
  into[at + 1] = length >>> 16;
  into[at + 2] = length >>> 8;
  into[at + 3] = length;
}

/** The parts of an LP(…), or null if the bytes are not one. */
export function readLengthPrefixed(bytes: Uint8Array): Uint8Array[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < 4) return null;
    const length = view.getUint32(at);
    at += 4;
    if (bytes.length - at < length) return null;
    parts.push(bytes.subarray(at, at + length));
    at += length;
  }
  return parts;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
