import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createTokenizer, type NormId } from "../../src/index.ts";
import { generateKeyring } from "../../src/keyring.ts";
import { createSealer } from "../../src/seal.ts";
import { createUnsealer } from "../../src/unseal.ts";
import * as web from "../../src/web.ts";
import { keysInStates, kidOf, resolveBoth } from "../keys.ts";

const tenant = "acme";
const json = generateKeyring();
const node = await resolveBoth(json);
const keyring = await web.resolveKeyring(json.keyring);
const privateKeyring = await web.resolvePrivateKeyring(json.privateKeyring);
const at = { table: "user_logins", recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d" };
const unsealFailed = { code: "ERR_MASKING_UNSEAL_FAILED" };
const keyUnknown = { code: "ERR_MASKING_KEY_UNKNOWN" };

const label = fc.stringMatching(/^[!-~]{1,128}$/);
const fields = fc.dictionary(label, fc.string({ unit: "binary" }), { noNullPrototype: true });

/** The batch key as its one recipient gets it. */
function sealedKeyOf({ sealedKeys }: Pick<web.BatchSealer, "sealedKeys">): web.SealedKey {
  const [first] = sealedKeys;
  if (!first) throw new Error("sealed to nobody");
  return first;
}

const withEachByteChanged = (bytes: Uint8Array): Uint8Array[] =>
  Array.from(bytes, (byte, index) => bytes.with(index, byte ^ 1));

describe("the two builds", () => {
  test("make the same tokens", async () => {
    const values: [NormId, fc.Arbitrary<string>][] = [
      ["ip/1", fc.oneof(fc.ipV4(), fc.ipV6())],
      ["exact/1", fc.string({ unit: "binary", minLength: 1 })],
      ["uuid/1", fc.uuid()],
    ];
    for (const [norm, value] of values) {
      const options = { tenant, fields: { f: norm } };
      const here = createTokenizer(node.keyring, options);
      const there = await web.createTokenizer(keyring, options);
      const same = fc.asyncProperty(value, async (text) => {
        fc.pre(web.isCanonicalizable(norm, text));
        expect(await there.tokenize("f", text)).toBe(here.tokenize("f", text));
      });
      await fc.assert(same, { numRuns: 50 });
    }
  });

  test("open what the other seals: web to Node", async () => {
    const batch = await web.createSealer(keyring, { tenant }).openBatch();
    const { recipient, sealed: key } = sealedKeyOf(batch);
    const unsealer = createUnsealer(node.privateKeyring, { tenant });
    const opener = await unsealer.openBatchKey(batch.id, recipient, key);
    const opens = fc.asyncProperty(fields, async (original) => {
      const { sealed, seed } = await batch.seal(at, original);
      expect(opener.unseal(at, sealed, seed)).toEqual(original);
    });
    await fc.assert(opens, { numRuns: 50 });
  });

  test("open what the other seals: Node to web", async () => {
    const batch = createSealer(node.keyring, { tenant }).openBatch();
    const { recipient, sealed: key } = sealedKeyOf(batch);
    const unsealer = web.createUnsealer(privateKeyring, { tenant });
    const opener = await unsealer.openBatchKey(batch.id, recipient, key);
    const opens = fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (original) => {
      const { sealed, seed } = batch.sealBytes(at, original);
      expect(await opener.unsealBytes(at, sealed, seed)).toEqual(original);
    });
    await fc.assert(opens, { numRuns: 50 });
  });

  test("read each other's new keyrings", async () => {
    const keys = await web.generateKeyring({ tokenKid: "t7", recipientKid: "r7" });
    const { keyring: loaded, privateKeyring: opening } = await resolveBoth(keys);
    expect([loaded.tokenKeys[0]?.kid, opening.recipients[0]?.kid]).toEqual(["t7", "r7"]);
  });
});

describe("on WebCrypto, a batch", () => {
  test("that was wiped seals and opens nothing", async () => {
    const batch = await web.createSealer(keyring, { tenant }).openBatch();
    const { recipient, sealed: key } = sealedKeyOf(batch);
    const { sealed, seed } = await batch.seal(at, { ip: "192.0.2.1" });
    batch.wipe();
    await expect(batch.seal(at, {})).rejects.toMatchObject(keyUnknown);
    const unsealer = web.createUnsealer(privateKeyring, { tenant });
    const opener = await unsealer.openBatchKey(batch.id, recipient, key);
    opener.wipe();
    await expect(opener.unseal(at, sealed, seed)).rejects.toMatchObject(keyUnknown);
  });

  test.each([
    ["an ArrayBuffer", new ArrayBuffer(4)],
    ["a DataView", new DataView(new ArrayBuffer(4))],
    ["a text", "192.0.2.1"],
  ])("refuses %s as bytes, and seals as before", async (_, wrong) => {
    const batch = await web.createSealer(keyring, { tenant }).openBatch();
    await expect(batch.sealBytes(at, wrong as unknown as Uint8Array)).rejects.toMatchObject({
      code: "ERR_MASKING_INPUT_INVALID",
    });
    await expect(batch.seal(at, { ip: "192.0.2.1" })).resolves.toBeDefined();
  });

  test("refuses any changed byte of a record, its seed or its batch key, and a record of the other kind", async () => {
    const batch = await web.createSealer(keyring, { tenant }).openBatch();
    const { recipient, sealed: key } = sealedKeyOf(batch);
    const unsealer = web.createUnsealer(privateKeyring, { tenant });
    const opener = await unsealer.openBatchKey(batch.id, recipient, key);
    const { sealed, seed } = await batch.seal(at, { ip: "192.0.2.1" });
    await expect(opener.unsealBytes(at, sealed, seed)).rejects.toMatchObject(unsealFailed);
    for (const changed of withEachByteChanged(sealed)) {
      await expect(opener.unseal(at, changed, seed)).rejects.toMatchObject(unsealFailed);
    }
    for (const changed of withEachByteChanged(seed)) {
      await expect(opener.unseal(at, sealed, changed)).rejects.toMatchObject(unsealFailed);
    }
    for (const changed of withEachByteChanged(key)) {
      const opening = unsealer.openBatchKey(batch.id, recipient, changed);
      await expect(opening).rejects.toMatchObject(unsealFailed);
    }
  });

  test("is rewrapped to another recipient, who then opens its records", async () => {
    const next = await web.generateKeyring({ recipientKid: "r2" });
    const batch = await web.createSealer(keyring, { tenant }).openBatch();
    const { sealed, seed } = await batch.seal(at, { ip: "192.0.2.1" });
    const rewrapped = await web
      .createUnsealer(privateKeyring, { tenant })
      .rewrap(
        { id: batch.id, ...sealedKeyOf(batch) },
        { keyring: await web.resolveKeyring(next.keyring), recipient: "r2" },
      );
    const heir = web.createUnsealer(await web.resolvePrivateKeyring(next.privateKeyring), {
      tenant,
    });
    const opener = await heir.openBatchKey(batch.id, rewrapped.recipient, rewrapped.sealed);
    expect(await opener.unseal(at, sealed, seed)).toEqual({ ip: "192.0.2.1" });
  });
});

test("on WebCrypto too, a batch key is sealed to the primary recipients alone", async () => {
  const states = ["pending", "primary", "decrypt_only", "disabled"] as const;
  const { keyring: many } = await keysInStates({ recipients: states });
  const batch = await web.createSealer(many, { tenant }).openBatch();
  expect(batch.sealedKeys.map(({ recipient }) => recipient)).toEqual([kidOf("primary")]);
});

test("on WebCrypto, a keyring's references are variables or a KMS's", async () => {
  const [tokenKey] = json.keyring.token_keys;
  const withKey = (key: string): unknown => ({
    ...json.keyring,
    token_keys: [{ ...tokenKey, key }],
  });
  const env = { TOKEN_KEY: tokenKey?.key };
  const loaded = await web.resolveKeyring(withKey("env:TOKEN_KEY"), { env });
  expect(loaded.tokenKeys[0]?.state).toBe("primary");
  const refused = { code: "ERR_MASKING_KEY_INVALID" };
  await expect(web.resolveKeyring(withKey("env:TOKEN_KEY"))).rejects.toMatchObject(refused);
  await expect(web.resolveKeyring(withKey("file:/key"), { env })).rejects.toMatchObject(refused);
});
