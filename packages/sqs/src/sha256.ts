/** SHA-256 and HMAC-SHA-256 as the SDK's signer asks for them. */

import { createHash, createHmac, createSecretKey, type Hash, type Hmac } from "node:crypto";

import type { SQSClient } from "@aws-sdk/client-sqs";

type Sha256Constructor = SQSClient["config"]["sha256"];
type Secret = ConstructorParameters<Sha256Constructor>[0];

/**
 * What the SDK itself brings hands Node raw key bytes, which Node 24 takes several times slower
 * than a key object: signing takes a quarter to a third less CPU with this one.
 */
export const Sha256: Sha256Constructor = class {
  readonly #secret: Secret;
  #hash: Hash | Hmac;

  constructor(secret?: Secret) {
    this.#secret = secret;
    this.#hash = open(secret);
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = open(this.#secret);
  }
};

function open(secret: Secret): Hash | Hmac {
  return secret === undefined
    ? createHash("sha256")
    : createHmac("sha256", createSecretKey(bytesOf(secret)));
}

function bytesOf(secret: NonNullable<Secret>): Uint8Array {
  if (typeof secret === "string") return Buffer.from(secret);
  return ArrayBuffer.isView(secret)
    ? new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength)
    : new Uint8Array(secret);
}
