import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { allocateTransient } from "../src/format/bytes.ts";
import { canonicalize, createTokenizer, isCanonicalizable, type SealedKey } from "../src/index.ts";
import { createSealer } from "../src/seal.ts";
import { createUnsealer } from "../src/unseal.ts";
import { newKeys } from "./keys.ts";

const tenant = "acme";
const at = { table: "user_logins", recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d" };
const { keyring, privateKeyring } = await newKeys();
const sealer = createSealer(keyring, { tenant });
const unsealer = createUnsealer(privateKeyring, { tenant });

const unsealFailed = expect.objectContaining({ code: "ERR_MASKING_UNSEAL_FAILED" });
const inputInvalid = expect.objectContaining({ code: "ERR_MASKING_INPUT_INVALID" });

const Bytes = Uint8Array;
/** Every byte array that the code makes, or is given by Node's cryptography. */
const made: Uint8Array[] = [];
/** Copies of what Node's cryptography was given as keys, and of what it gave as such. */
const secrets: Buffer[] = [];

beforeEach(() => {
  made.length = 0;
  secrets.length = 0;
  const recording = new Proxy(Bytes, {
    construct(target, parameters, newTarget) {
      const bytes = Reflect.construct(target, parameters, newTarget) as Uint8Array;
      made.push(bytes);
      return bytes;
    },
  });
  vi.stubGlobal("Uint8Array", recording);
  recordNode();
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

function keepSecret(secret: unknown): void {
  const isBytes = secret instanceof ArrayBuffer || ArrayBuffer.isView(secret);
  const copy = isBytes ? Buffer.from(Buffer.from(secret as ArrayBuffer)) : Buffer.alloc(0);
  // An empty salt is no secret.
  if (copy.some((byte) => byte !== 0)) secrets.push(copy);
}

function recordNode(): void {
  const { createHmac, createSecretKey, hkdfSync } = crypto;
  vi.spyOn(crypto, "createHmac").mockImplementation((algorithm, key) => {
    keepSecret(key);
    return createHmac(algorithm, key);
  });
  vi.spyOn(crypto, "createSecretKey").mockImplementation(((key: Uint8Array) => {
    keepSecret(key);
    return createSecretKey(key);
  }) as typeof createSecretKey);
  vi.spyOn(crypto, "hkdfSync").mockImplementation((...parameters) => {
    const key = hkdfSync(...parameters);
    keepSecret(key);
    made.push(Buffer.from(key));
    return key;
  });
  syncBuiltinESMExports();
  for (const [prototype, name] of [
    [crypto.Hmac.prototype, "digest"],
    [crypto.ECDH.prototype, "computeSecret"],
    [crypto.Decipheriv.prototype, "update"],
  ] as const) {
    const methods = prototype as unknown as Record<string, (...of: unknown[]) => Uint8Array>;
    const method = methods[name];
    vi.spyOn(methods, name).mockImplementation(function recorded(this: unknown, ...of: unknown[]) {
      const bytes = method?.apply(this, of) as Uint8Array;
      if (name === "computeSecret") keepSecret(bytes);
      made.push(bytes);
      return bytes;
    });
  }
}

/** Those of the wanted bytes that still stand somewhere. */
function standing(wanted: readonly Buffer[]): Buffer[] {
  const places = [...made, new Bytes(allocateTransient(0).buffer)].map(
    ({ buffer, byteOffset, length }) => Buffer.from(buffer, byteOffset, length),
  );
  return wanted.filter((bytes) => places.some((place) => place.includes(bytes)));
}

const fields = { ip: "192.0.2.1", account: "593-47-5928", name: "Zoë 🦊 of Sentinel" };

/** The fields as they are, without separators, and as the bytes of an address and of its network. */
const values = [
  ...Object.values(fields).map((text) => Buffer.from(text)),
  Buffer.from("593475928"),
  Buffer.from("ffffc00002", "hex"),
  Buffer.from("20010db800010002", "hex"),
];

test("what was not zeroed is found", () => {
  canonicalize("ip/1", fields.ip);
  expect(standing(values)).toHaveLength(1);
  keepSecret(new Uint8Array([1, 2, 3]));
  expect(standing(secrets)).toHaveLength(1);
});

test("making tokens leaves no value behind, also of one that is refused", async () => {
  const norms = { ip: "ip/1", network: "ip-net/1", digits: "digits/1", text: "exact/1" } as const;
  const tokenizer = createTokenizer(keyring, { tenant, fields: norms });
  for (const [field, value] of [
    ["ip", fields.ip],
    ["ip", "2001:db8:1:2:3:4:5:6"],
    ["network", fields.ip],
    ["digits", fields.account],
    ["text", fields.account],
    ["text", fields.name],
  ] as const) {
    tokenizer.tokenize(field, value);
    tokenizer.candidates(field, value);
    isCanonicalizable(norms[field], value);
  }
  for (const refused of [`${fields.ip}:443`, "2001:db8:1:2:3:4:5:6:7"]) {
    expect(() => tokenizer.tokenize("ip", refused)).toThrow(inputInvalid);
  }
  expect(standing(values)).toEqual([]);
  expect(standing(secrets)).toEqual([]);
});

test("sealing leaves no value behind, also when it fails", async () => {
  const batch = sealer.openBatch();
  batch.seal(at, fields);
  batch.sealBytes(at, Buffer.from(fields.name));
  const wrongTable = { ...at, table: "" };
  expect(() => batch.seal(wrongTable, fields)).toThrow(inputInvalid);
  const lastIsNoText = { ...fields, last: "\ud800" };
  expect(() => batch.seal(at, lastIsNoText)).toThrow(inputInvalid);
  expect(standing(values)).toEqual([]);
  expect(standing(secrets)).toEqual([]);
});

test("opening leaves no value behind but what it gives", async () => {
  const batch = sealer.openBatch();
  const { sealed, seed } = batch.seal(at, fields);
  const opener = await unsealer.openBatchKey(batch.id, "r1", sealedKeyOf(batch).sealed);
  expect(opener.unseal(at, sealed, seed)).toEqual(fields);
  const ofBytes = batch.sealBytes(at, Buffer.from(fields.name));
  await expect(
    (async () => opener.unseal(at, ofBytes.sealed, ofBytes.seed))(),
  ).rejects.toMatchObject(unsealFailed);
  const last = sealed.length - 1;
  const damaged = sealed.map((byte, index) => (index === last ? byte ^ 1 : byte));
  expect(() => opener.unseal(at, damaged, seed)).toThrow(unsealFailed);
  expect(standing(values)).toEqual([]);
  expect(standing(secrets)).toEqual([]);
});

test("a batch key and what it is sealed with leave no key behind, also when that fails", async () => {
  const batch = sealer.openBatch();
  const key = { id: batch.id, ...sealedKeyOf(batch) };
  await unsealer.openBatchKey(key.id, key.recipient, key.sealed);
  await unsealer.rewrap(key, { keyring, recipient: "r1" });
  const noPoint = { kid: "r2", state: "pending", publicKey: new Bytes(65) } as const;
  const to = { keyring: { recipients: [noPoint] }, recipient: "r2" };
  await expect(unsealer.rewrap(key, to)).rejects.toBeInstanceOf(Error);
  expect(secrets.length).toBeGreaterThan(10);
  expect(standing(secrets)).toEqual([]);
});

function sealedKeyOf({ sealedKeys }: { readonly sealedKeys: readonly SealedKey[] }): SealedKey {
  const [first] = sealedKeys;
  if (!first) throw new Error("sealed to nobody");
  return first;
}
