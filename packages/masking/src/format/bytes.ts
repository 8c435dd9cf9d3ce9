/** Bytes as every format here writes them: UTF-8 text, and parts that carry their length. */

const encoder = new TextEncoder();

export const utf8 = (text: string): Uint8Array => encoder.encode(text);

/** LP(…): each part preceded by its length in four bytes, big-endian, so that no two lists of parts share an encoding. */
export function lengthPrefixed(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const encoded = parts.map((part) => (typeof part === "string" ? utf8(part) : part));
  const joined = new Uint8Array(encoded.reduce((length, part) => length + 4 + part.length, 0));
  const view = new DataView(joined.buffer);
  let at = 0;
  for (const part of encoded) {
    view.setUint32(at, part.length);
    joined.set(part, at + 4);
    at += 4 + part.length;
  }
  return joined;
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
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
