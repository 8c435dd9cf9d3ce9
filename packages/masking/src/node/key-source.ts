/** References from a keyring to its keys: `env:NAME`, `file:PATH`, `aws-kms:ARN`, or the key itself. */

import { resolve } from "node:path";
import { modeFault, readWithOwnership, systemCode } from "./key-file.ts";

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

/** What a keyring's references are looked up in. */
export interface KeySources {
  /** For `env:NAME`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For `aws-kms:ARN`; without it, AWS KMS by way of the package `@aws-sdk/client-kms`. */
  readonly kms?: KeyService;
  /** What a relative `file:PATH` starts from. */
  readonly directory?: string;
}

/** A fault of one key, as the end of a sentence; never holds what was read. */
export class KeySourceFault extends Error {}

const kmsScheme = "aws-kms:";

/** The ARN of an `aws-kms:ARN` reference, or null if the text is something else. */
export function kmsArnOf(reference: string): string | null {
  return reference.startsWith(kmsScheme) ? reference.slice(kmsScheme.length) : null;
}

export const isInline = (reference: string): boolean => !reference.includes(":");

/** The text behind a reference that is not a KMS's; around what is not inline, white space is no part of it. */
export async function readText(
  reference: string,
  sources: KeySources,
  { secret }: { readonly secret: boolean },
): Promise<string> {
  if (isInline(reference)) return reference;
  const target = reference.slice(reference.indexOf(":") + 1);
  if (reference.startsWith("env:")) return trim(readVariable(target, sources.env));
  if (reference.startsWith("file:")) {
    return trim(await readReferred(resolve(sources.directory ?? "", target), secret));
  }
  throw new KeySourceFault("has a scheme that is none of env:, file:, aws-kms:");
}

/** Tab, line feed, carriage return and space alone: JavaScript's own trim takes Unicode's, too. */
const trim = (text: string): string => text.replaceAll(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");

/** An object's inherited members are no variables. */
function readVariable(name: string, env: KeySources["env"]): string {
  const text = Object.hasOwn(env, name) ? env[name] : undefined;
  if (!text) throw new KeySourceFault("names an environment variable that is not set");
  return text;
}

async function readReferred(path: string, secret: boolean): Promise<string> {
  const { text, ownership } = await readWithOwnership(path).catch((error: unknown) => {
    throw new KeySourceFault(`names a file that cannot be read (${systemCode(error)})`);
  });
  const fault = ownership && modeFault(ownership, secret);
  if (fault !== null) throw new KeySourceFault(`names a file that ${fault}`);
  return text;
}
