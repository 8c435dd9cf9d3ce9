/** The published vectors, put to any implementation of the formats. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

type Awaitable<T> = T | Promise<T>;

interface Opener {
  unseal(at: Place, sealed: Uint8Array, seed: Uint8Array): Awaitable<Record<string, string>>;
  unsealBytes(at: Place, sealed: Uint8Array, seed: Uint8Array): Awaitable<Uint8Array>;
}

interface Place {
  readonly table: string;
  readonly recordId: string;
}

/** What an implementation must offer to be put to the vectors. Every refusal throws or rejects with a `code`. */
export interface Implementation {
  canonicalize(norm: string, value: string): Awaitable<Uint8Array>;
  /** The primary key's token first. */
  candidates(keyring: unknown, at: TokenInput): Awaitable<readonly string[]>;
  parseToken(text: string): { readonly kid: string; readonly mac: Uint8Array } | null;
  checkKeyring(json: unknown): Awaitable<unknown>;
  checkPrivateKeyring(json: unknown): Awaitable<unknown>;
  openBatchKey(privateKeyring: unknown, batchKey: SealedBatchKeyInput): Awaitable<Opener>;
}

interface TokenInput {
  readonly tenant: string;
  readonly field: string;
  readonly norm: string;
  readonly value: string;
}

interface SealedBatchKeyInput {
  readonly tenant: string;
  readonly id: string;
  readonly recipient: string;
  readonly sealed: Uint8Array;
}

interface Refusal {
  readonly name: string;
  readonly code: string;
}

interface Files {
  "canonical.json": {
    readonly accepted: readonly { norm: string; value: string; bytes: string }[];
    readonly refused: readonly { norm: string; value: string; code: string }[];
  };
  "tokens.json": {
    readonly keyring: unknown;
    readonly tokens: readonly (TokenInput & { token: string; candidates: string[] })[];
    readonly refused: readonly (TokenInput & { code: string })[];
    readonly notTokens: readonly { name: string; text: string }[];
  };
  "batch-keys.json": {
    readonly privateKeyring: unknown;
    readonly sealedBatchKeys: readonly BatchKeyJson[];
    readonly refused: readonly (BatchKeyJson & Refusal)[];
  };
  "records.json": {
    readonly privateKeyring: unknown;
    readonly batch: BatchKeyJson;
    readonly records: readonly (RecordJson & { name: string; fields?: object; bytes?: string })[];
    readonly refused: readonly (RecordJson & Refusal & { tenant: string; opens: string })[];
  };
  "keyrings.json": {
    readonly accepted: readonly KeyringJson[];
    readonly refused: readonly (KeyringJson & Refusal)[];
  };
}

interface BatchKeyJson {
  readonly tenant: string;
  readonly id: string;
  readonly recipient: string;
  readonly sealed: string;
}

interface RecordJson extends Place {
  readonly seed: string;
  readonly sealed: string;
}

interface KeyringJson {
  readonly name: string;
  readonly keyring?: unknown;
  readonly privateKeyring?: unknown;
}

function read<Name extends keyof Files>(name: Name): Files[Name] {
  const text = readFileSync(new URL(`../../vectors/${name}`, import.meta.url), "utf8");
  return JSON.parse(text) as Files[Name];
}

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (data: Uint8Array): string => Buffer.from(data).toString("hex");

const sealedKey = ({ tenant, id, recipient, sealed }: BatchKeyJson): SealedBatchKeyInput => ({
  tenant,
  id,
  recipient,
  sealed: bytes(sealed),
});

/** Runs every vector; `name` says of which implementation. */
export function describeVectors(name: string, implementation: Implementation): void {
  describe(`${name} meets canonical.json`, () => {
    const { accepted, refused } = read("canonical.json");
    test.each(accepted)("$norm takes $value", async ({ norm, value, bytes: expected }) => {
      expect(hexOf(await implementation.canonicalize(norm, value))).toBe(expected);
    });
    test.each(refused)("$norm refuses $value", async ({ norm, value, code }) => {
      await expect(attempt(() => implementation.canonicalize(norm, value))).rejects.toMatchObject({
        code,
      });
    });
  });

  describe(`${name} meets tokens.json`, () => {
    const { keyring, tokens, refused, notTokens } = read("tokens.json");
    test.each(tokens)("$tenant $field $norm $value", async ({ token, candidates, ...input }) => {
      expect(await implementation.candidates(keyring, input)).toEqual(candidates);
      expect(candidates[0]).toBe(token);
      expect(implementation.parseToken(token)).not.toBeNull();
    });
    test.each(refused)("refuses $tenant $field $norm $value", async ({ code, ...input }) => {
      await expect(attempt(() => implementation.candidates(keyring, input))).rejects.toMatchObject({
        code,
      });
    });
    test.each(notTokens)("$name is no token", ({ text }) => {
      expect(implementation.parseToken(text)).toBeNull();
    });
  });

  describe(`${name} meets batch-keys.json`, () => {
    const { privateKeyring, sealedBatchKeys, refused } = read("batch-keys.json");
    test.each(sealedBatchKeys)("opens $id", async (vector) => {
      await expect(
        attempt(() => implementation.openBatchKey(privateKeyring, sealedKey(vector))),
      ).resolves.toBeDefined();
    });
    test.each(refused)("refuses $name", async ({ code, ...vector }) => {
      await expect(
        attempt(() => implementation.openBatchKey(privateKeyring, sealedKey(vector))),
      ).rejects.toMatchObject({ code });
    });
  });

  describe(`${name} meets records.json`, () => {
    const { privateKeyring, batch, records, refused } = read("records.json");
    const open = (): Awaitable<Opener> =>
      implementation.openBatchKey(privateKeyring, sealedKey(batch));

    test.each(records)("opens $name", async ({ sealed, seed, fields, bytes: expected, ...at }) => {
      const opener = await open();
      const opened = fields
        ? await opener.unseal(at, bytes(sealed), bytes(seed))
        : hexOf(await opener.unsealBytes(at, bytes(sealed), bytes(seed)));
      expect(opened).toEqual(fields ?? expected);
    });
    test.each(refused)("refuses $name", async ({ sealed, seed, tenant, opens, code, ...at }) => {
      const refusal = attempt(async () => {
        // A record of another tenant is refused with its batch key already.
        const opener = await implementation.openBatchKey(privateKeyring, {
          ...sealedKey(batch),
          tenant,
        });
        const unseal = opens === "bytes" ? opener.unsealBytes : opener.unseal;
        return unseal(at, bytes(sealed), bytes(seed));
      });
      await expect(refusal).rejects.toMatchObject({ code });
    });
  });

  describe(`${name} meets keyrings.json`, () => {
    const { accepted, refused } = read("keyrings.json");

    test.each(accepted)("takes $name", async (vector) => {
      await expect(attempt(() => checkEither(implementation, vector))).resolves.toBeDefined();
    });
    test.each(refused)("refuses $name", async (vector) => {
      await expect(attempt(() => checkEither(implementation, vector))).rejects.toMatchObject({
        code: vector.code,
      });
    });
  });
}

function checkEither(
  implementation: Implementation,
  { keyring, privateKeyring }: KeyringJson,
): Awaitable<unknown> {
  return keyring === undefined
    ? implementation.checkPrivateKeyring(privateKeyring)
    : implementation.checkKeyring(keyring);
}

/** A throw becomes a rejection, so that one assertion fits synchronous implementations too. */
async function attempt<T>(call: () => Awaitable<T>): Promise<T> {
  return call();
}
