/** References from a keyring to its keys: `env:NAME`, `file:PATH`, `aws-kms:ARN`, or the key itself. */

/** A key management service, as far as a keyring needs one. The bytes it resolves to are zeroed after use. */
export interface KeyService {
  /** Decrypts a wrapped token key with the key that `arn` names. Called once a key, at start. */
  readonly unwrapKey: (arn: string, wrapped: Uint8Array) => Promise<Uint8Array>;
  /**
   * Diffie-Hellman of the private key that `arn` names with `publicKey` (65 bytes, uncompressed);
   * resolves to the raw 32-byte x coordinate. Called once a batch key.
   */
  readonly deriveSharedSecret: (arn: string, publicKey: Uint8Array) => Promise<Uint8Array>;
}

/** A fault of one key, as the end of a sentence; never holds what was read. */
export class KeySourceFault extends Error {}

const kmsScheme = "aws-kms:";

/** The ARN of an `aws-kms:ARN` reference, or null if the text is something else. */
export function kmsArnOf(reference: string): string | null {
  return reference.startsWith(kmsScheme) ? reference.slice(kmsScheme.length) : null;
}

export const isInline = (reference: string): boolean => !reference.includes(":");

/** What an `env:NAME` reference names. */
export function readVariable(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const text = env[name];
  if (!text) throw new KeySourceFault("names an environment variable that is not set");
  return text;
}
