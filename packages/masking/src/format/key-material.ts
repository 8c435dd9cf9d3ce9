/** What a token key must look like before anything is keyed with it. */

/** 32 bytes is the strength of HMAC-SHA-256; longer than its block of 64 would be hashed first. */
const minimumBytes = 32;
const maximumBytes = 64;

/**
 * Why these bytes are no key, or null. Refuses what a person types or leaves in by mistake; for
 * random bytes the odds of a refusal are below 2^-40. It cannot tell whether a key was generated well.
 */
export function weaknessOf(key: Uint8Array): string | null {
  if (key.length < minimumBytes) return `has fewer than ${minimumBytes} bytes`;
  if (key.length > maximumBytes) return `has more than ${maximumBytes} bytes`;
  if (key.every((byte) => byte >= 0x20 && byte <= 0x7e)) return "is text, not random bytes";
  const steps = new Set(key.subarray(1).map((byte, at) => byte - (key[at] ?? 0)));
  if (steps.size === 1 || new Set(key).size <= 16) return "is not random";
  return null;
}
