/** HMAC (RFC 2104) for many short messages under one key. */

import { createHmac, createSecretKey, hash } from "node:crypto";

export interface Hmac {
  /** Of the parts one after the other. */
  readonly digest: {
    (parts: readonly Uint8Array[]): Uint8Array;
    (parts: readonly Uint8Array[], encoding: "base64url"): string;
  };
  /** Zeroes the padded key; digests mean nothing from then on. */
  readonly wipe: () => void;
}

/** In bytes. */
const sizes = {
  sha256: { block: 64, output: 32 },
  sha512: { block: 128, output: 64 },
} as const;

/** Longer messages are rare: a token's input is some fifty bytes, a record's info twice that. */
const shortMessageBytes = 1024;

/**
 * Keeps the padded key in place, so that a message takes two one-shot hashes: less than half of
 * what `createHmac` takes, which sets up and frees a context each time.
 *
 * @throws RangeError if the key is longer than a block, which HMAC would have to hash first.
 */
export function openHmac(algorithm: keyof typeof sizes, key: Uint8Array): Hmac {
  const { block, output } = sizes[algorithm];
  if (key.length > block) throw new RangeError("The key is longer than a block of its hash.");
  const inner = Buffer.alloc(block + shortMessageBytes);
  const outer = Buffer.alloc(block + output);
  for (let at = 0; at < block; at += 1) {
    inner[at] = (key[at] ?? 0) ^ 0x36;
    outer[at] = (key[at] ?? 0) ^ 0x5c;
  }

  function digest(parts: readonly Uint8Array[]): Uint8Array;
  function digest(parts: readonly Uint8Array[], encoding: "base64url"): string;
  function digest(
    parts: readonly Uint8Array[],
    encoding: "base64url" | "buffer" = "buffer",
  ): string | Uint8Array {
    let end = block;
    for (const part of parts) end += part.length;
    if (end > inner.length) return digestLong(parts, encoding);
    let at = block;
    for (const part of parts) {
      inner.set(part, at);
      at += part.length;
    }
    try {
      // As text of one character a byte, because a Buffer takes Node longer to make than the hash.
      outer.write(hash(algorithm, inner.subarray(0, end), "binary"), block, "latin1");
      return hash(algorithm, outer, encoding);
    } finally {
      inner.fill(0, block, end);
    }
  }

  function digestLong(
    parts: readonly Uint8Array[],
    encoding: "base64url" | "buffer",
  ): string | Uint8Array {
    const padded = inner.subarray(0, block).map((byte) => byte ^ 0x36);
    const mac = createHmac(algorithm, createSecretKey(padded));
    padded.fill(0);
    for (const part of parts) mac.update(part);
    return encoding === "buffer" ? mac.digest() : mac.digest(encoding);
  }

  return {
    digest,
    wipe() {
      inner.fill(0);
      outer.fill(0);
    },
  };
}
