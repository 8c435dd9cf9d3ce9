/** Base64url without padding (RFC 4648 section 5), read strictly: one text for one byte string. */

/** The bytes, or null for padding, another alphabet, or unused bits that are not zero. */
export function decodeBase64url(text: string): Uint8Array | null {
  const decoded = Buffer.from(text, "base64url");
  const isStrict = decoded.toString("base64url") === text;
  // A copy, since small buffers share memory; and what is decoded may be a key.
  const bytes = Uint8Array.from(decoded);
  decoded.fill(0);
  return isStrict ? bytes : null;
}
