/** Keys as WebCrypto holds them, and the MAC that everything here is built on. */

/** A WebCrypto key, by whichever types the runtime declares. */
export type WebKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

export async function importHmacKey(
  hash: "SHA-256" | "SHA-512",
  bytes: Uint8Array,
): Promise<WebKey> {
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash }, false, ["sign"]);
}

/** Zeroes the bytes. */
export async function importAesKey(bytes: Uint8Array): Promise<WebKey> {
  try {
    return await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
  } finally {
    bytes.fill(0);
  }
}

export async function hmac(key: WebKey, data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, data));
}

export const p256 = { name: "ECDH", namedCurve: "P-256" } as const;

/** Refuses what is no point on the curve. */
export async function importPoint(bytes: Uint8Array): Promise<WebKey> {
  return crypto.subtle.importKey("raw", bytes, p256, true, []);
}

/** The x coordinate of the product: Diffie-Hellman as HPKE takes it. */
export async function diffieHellman(privateKey: WebKey, publicKey: WebKey): Promise<Uint8Array> {
  const algorithm = { name: "ECDH", public: publicKey };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, privateKey, 256));
}
