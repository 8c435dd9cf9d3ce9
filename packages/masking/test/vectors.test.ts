/** The published vectors, put to the library. */

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import {
  canonicalize,
  createTokenizer,
  type NormId,
  parseToken,
  type Token,
} from "../src/index.ts";
import { resolveKeyring, resolvePrivateKeyring } from "../src/keyring.ts";
import { type BatchOpener, createUnsealer } from "../src/unseal.ts";
import { generateVectors } from "../vectors/generate.ts";
import { noSources } from "./keys.ts";

interface Place {
  readonly table: string;
  readonly recordId: string;
}

interface TokenInput {
  readonly tenant: string;
  readonly field: string;
  readonly norm: NormId;
  readonly value: string;
}

interface Refusal {
  readonly name: string;
  readonly code: string;
}

interface Files {
  "canonical.json": {
    readonly accepted: readonly { norm: NormId; value: string; bytes: string }[];
    readonly refused: readonly { norm: NormId; value: string; code: string }[];
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
  readonly env?: Readonly<Record<string, string>>;
}

function read<Name extends keyof Files>(name: Name): Files[Name] {
  const text = readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8");
  return JSON.parse(text) as Files[Name];
}

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (data: Uint8Array): string => Buffer.from(data).toString("hex");

async function candidatesOf(
  json: unknown,
  { tenant, field, norm, value }: TokenInput,
): Promise<readonly Token[]> {
  const keyring = await resolveKeyring(json, noSources);
  return createTokenizer(keyring, { tenant, fields: { [field]: norm } }).candidates(field, value);
}

async function openBatchKey(
  json: unknown,
  { tenant, id, recipient, sealed }: BatchKeyJson,
): Promise<BatchOpener> {
  const keyring = await resolvePrivateKeyring(json, noSources);
  return createUnsealer(keyring, { tenant }).openBatchKey(id, recipient, bytes(sealed));
}

const resolveEither = ({ keyring, privateKeyring, env = {} }: KeyringJson): Promise<unknown> =>
  keyring === undefined
    ? resolvePrivateKeyring(privateKeyring, { env })
    : resolveKeyring(keyring, { env });

describe("canonical.json", () => {
  const { accepted, refused } = read("canonical.json");
  test.each(accepted)("$norm takes $value", ({ norm, value, bytes: expected }) => {
    expect(hexOf(canonicalize(norm, value))).toBe(expected);
  });
  test.each(refused)("$norm refuses $value", ({ norm, value, code }) => {
    expect(() => canonicalize(norm, value)).toThrow(expect.objectContaining({ code }));
  });
});

describe("tokens.json", () => {
  const { keyring, tokens, refused, notTokens } = read("tokens.json");
  test.each(tokens)("$tenant $field $norm $value", async ({ token, candidates, ...input }) => {
    expect(await candidatesOf(keyring, input)).toEqual(candidates);
    expect(candidates[0]).toBe(token);
    expect(parseToken(token)).not.toBeNull();
  });
  test.each(refused)("refuses $tenant $field $norm $value", async ({ code, ...input }) => {
    await expect(candidatesOf(keyring, input)).rejects.toMatchObject({
      code,
    });
  });
  test.each(notTokens)("$name is no token", ({ text }) => {
    expect(parseToken(text)).toBeNull();
  });
});

describe("batch-keys.json", () => {
  const { privateKeyring, sealedBatchKeys, refused } = read("batch-keys.json");
  test.each(sealedBatchKeys)("opens $id", async (vector) => {
    await expect(openBatchKey(privateKeyring, vector)).resolves.toBeDefined();
  });
  test.each(refused)("refuses $name", async ({ code, ...vector }) => {
    await expect(openBatchKey(privateKeyring, vector)).rejects.toMatchObject({ code });
  });
});

describe("records.json", () => {
  const { privateKeyring, batch, records, refused } = read("records.json");
  test.each(records)("opens $name", async ({ sealed, seed, fields, bytes: expected, ...at }) => {
    const opener = await openBatchKey(privateKeyring, batch);
    const opened = fields
      ? opener.unseal(at, bytes(sealed), bytes(seed))
      : hexOf(opener.unsealBytes(at, bytes(sealed), bytes(seed)));
    expect(opened).toEqual(fields ?? expected);
  });
  test.each(refused)("refuses $name", async ({ sealed, seed, tenant, opens, code, ...at }) => {
    // A record of another tenant is refused with its batch key already.
    const refusal = openBatchKey(privateKeyring, { ...batch, tenant }).then((opener) =>
      (opens === "bytes" ? opener.unsealBytes : opener.unseal)(at, bytes(sealed), bytes(seed)),
    );
    await expect(refusal).rejects.toMatchObject({ code });
  });
});

describe("keyrings.json", () => {
  const { accepted, refused } = read("keyrings.json");

  test.each(accepted)("takes $name", async (vector) => {
    await expect(resolveEither(vector)).resolves.toBeDefined();
  });
  test.each(refused)("refuses $name", async (vector) => {
    await expect(resolveEither(vector)).rejects.toMatchObject({
      code: vector.code,
    });
  });
});

test("the vector files are what the generator makes", async () => {
  for (const [name, text] of await generateVectors()) {
    expect(await readFile(new URL(`../vectors/${name}`, import.meta.url), "utf8")).toBe(text);
  }
});
