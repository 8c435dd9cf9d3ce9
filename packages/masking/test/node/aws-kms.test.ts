import { createPrivateKey, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateKeyCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { createTokenizer } from "../../src/index.ts";
import {
  generateKeyring,
  loadKeyring,
  loadPrivateKeyring,
  type PrivateRecipientJson,
  resolveKeyring,
  resolvePrivateKeyring,
} from "../../src/keyring.ts";
import { openAwsKms } from "../../src/kms.ts";
import { concat } from "../../src/format/bytes.ts";
import { sharedSecretOf } from "../../src/node/hpke.ts";
import { createSealer } from "../../src/seal.ts";
import { createUnsealer } from "../../src/unseal.ts";
import { hasKmsServer, type KmsServer, startKmsServer } from "../kms-server.ts";

const region = "eu-central-1";
const tenant = "acme";
const at = { table: "logins", recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d" };
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

let server: KmsServer;
let client: KMSClient;
const calls: string[] = [];

/** Gives the KMS a P-256 key pair that we know, as an import of key material would. */
async function importPair(publicKey: Uint8Array, privateKey: Uint8Array): Promise<string> {
  const jwk = {
    kty: "EC",
    crv: "P-256",
    d: Buffer.from(privateKey).toString("base64url"),
    x: Buffer.from(publicKey.subarray(1, 33)).toString("base64url"),
    y: Buffer.from(publicKey.subarray(33)).toString("base64url"),
  };
  const pkcs8 = createPrivateKey({ key: jwk, format: "jwk" }).export({
    type: "pkcs8",
    format: "der",
  });
  const command = new CreateKeyCommand({
    KeySpec: "ECC_NIST_P256",
    KeyUsage: "KEY_AGREEMENT",
    Tags: [{ TagKey: "_custom_key_material_", TagValue: pkcs8.toString("base64") }],
  });
  return (await client.send(command)).KeyMetadata?.Arn ?? "";
}

/** A recipient whose private key the KMS holds, from one whose key is inline. */
async function heldByKms(recipient: PrivateRecipientJson): Promise<PrivateRecipientJson> {
  const [publicKey, privateKey] = [recipient.public_key, recipient.private_key].map((text) =>
    Buffer.from(text, "base64url"),
  );
  if (!publicKey || !privateKey) throw new Error("no pair");
  return { ...recipient, private_key: `aws-kms:${await importPair(publicKey, privateKey)}` };
}

async function wrapTokenKey(key: Uint8Array): Promise<{ key: string; wrapped_key: string }> {
  const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
  const arn = KeyMetadata?.Arn ?? "";
  const command = new EncryptCommand({ KeyId: arn, Plaintext: key });
  const { CiphertextBlob = new Uint8Array() } = await client.send(command);
  return {
    key: `aws-kms:${arn}`,
    wrapped_key: Buffer.from(CiphertextBlob).toString("base64url"),
  };
}

describe.skipIf(!hasKmsServer)("AWS KMS (LocalStack's; test/python-servers/install.sh)", () => {
  beforeAll(async () => {
    server = await startKmsServer();
    // The SDK's own variables: nothing of ours stands between a keyring and the KMS.
    vi.stubEnv("AWS_ENDPOINT_URL_KMS", server.endpoint);
    vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
    vi.stubEnv("AWS_REGION", undefined);
    client = new KMSClient({ region });
    client.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          calls.push(commandName ?? "");
          return next(args);
        },
      { step: "initialize" },
    );
  });

  afterAll(async () => {
    vi.unstubAllEnvs();
    client?.destroy();
    await server?.[Symbol.asyncDispose]();
  });

  test("gives the raw shared secret of RFC 9180 A.3.1, from which HPKE's is made here", async () => {
    const enc = hex(
      "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4",
    );
    const publicKey = hex(
      "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0",
    );
    const privateKey = hex("f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2");
    const kms = await openAwsKms({ client });
    const dh = await kms.deriveSharedSecret(await importPair(publicKey, privateKey), enc);
    expect(dh.length).toBe(32);
    expect(Buffer.from(sharedSecretOf(dh, concat(enc, publicKey))).toString("hex")).toBe(
      "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8",
    );
  });

  test("is found by the keyring itself, in the region that each ARN names", async () => {
    const secret = randomBytes(32);
    const keys = generateKeyring();
    const [opener] = keys.privateKeyring.recipients;
    if (!opener) throw new Error("no recipient");
    const directory = await mkdtemp(join(tmpdir(), "keyring-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const files = {
      "keyring.json": {
        ...keys.keyring,
        token_keys: [{ kid: "t1", state: "primary", ...(await wrapTokenKey(secret)) }],
      },
      "private-keyring.json": { ...keys.privateKeyring, recipients: [await heldByKms(opener)] },
    };
    for (const [name, json] of Object.entries(files)) {
      await writeFile(join(directory, name), JSON.stringify(json));
    }

    const keyring = await loadKeyring(join(directory, "keyring.json"), { env: {} });
    const privateKeyring = await loadPrivateKeyring(join(directory, "private-keyring.json"), {
      env: {},
    });

    const inline = await resolveKeyring(
      {
        ...keys.keyring,
        token_keys: [{ kid: "t1", state: "primary", key: secret.toString("base64url") }],
      },
      { env: {} },
    );
    const options = { tenant, fields: { ip: "ip/1" } } as const;
    expect(createTokenizer(keyring, options).tokenize("ip", "192.0.2.1")).toBe(
      createTokenizer(inline, options).tokenize("ip", "192.0.2.1"),
    );

    const batch = createSealer(keyring, { tenant }).openBatch();
    const { sealed, seed } = batch.seal(at, { ip: "192.0.2.1" });
    const unsealer = createUnsealer(privateKeyring, { tenant });
    for (const { recipient, sealed: key } of batch.sealedKeys) {
      const batchOpener = await unsealer.openBatchKey(batch.id, recipient, key);
      expect(batchOpener.unseal(at, sealed, seed)).toEqual({ ip: "192.0.2.1" });
    }
    expect(batch.sealedKeys.length).toBe(1);
  });

  test("is asked once a batch key, however many records are opened", async () => {
    const keys = generateKeyring();
    const [opener] = keys.privateKeyring.recipients;
    if (!opener) throw new Error("no recipient");
    const keyring = await resolveKeyring(keys.keyring, { env: {} });
    const json = { ...keys.privateKeyring, recipients: [await heldByKms(opener)] };
    const kms = await openAwsKms({ client });
    const privateKeyring = await resolvePrivateKeyring(json, { env: {}, kms });
    const batch = createSealer(keyring, { tenant }).openBatch();
    const [sealedKey] = batch.sealedKeys;
    if (!sealedKey) throw new Error("sealed to nobody");
    const records = Array.from({ length: 20 }, () => batch.seal(at, { ip: "192.0.2.1" }));

    calls.length = 0;
    const unsealer = createUnsealer(privateKeyring, { tenant });
    const { recipient, sealed: key } = sealedKey;
    const batchOpener = await unsealer.openBatchKey(batch.id, recipient, key);
    for (const { sealed, seed } of records) batchOpener.unseal(at, sealed, seed);
    expect(calls).toEqual(["DeriveSharedSecretCommand"]);
  });

  test("opens and refuses the batch keys of the vectors as an inline key does", async () => {
    const path = new URL("../../vectors/batch-keys.json", import.meta.url);
    const vectors = JSON.parse(await readFile(path, "utf8")) as BatchKeyVectors;
    const recipients = await Promise.all(vectors.privateKeyring.recipients.map(heldByKms));
    const kms = await openAwsKms({ client });
    const keyring = await resolvePrivateKeyring(
      { ...vectors.privateKeyring, recipients },
      { env: {}, kms },
    );
    for (const { tenant: of, id, recipient, sealed } of vectors.sealedBatchKeys) {
      const opening = createUnsealer(keyring, { tenant: of });
      expect((await opening.openBatchKey(id, recipient, hex(sealed))).id).toBe(id);
    }
    for (const { tenant: of, id, recipient, sealed, code } of vectors.refused) {
      const opening = createUnsealer(keyring, { tenant: of });
      await expect(opening.openBatchKey(id, recipient, hex(sealed))).rejects.toMatchObject({
        code,
      });
    }
  });

  test("that fails is named at start by its error, and passes through when opening", async () => {
    const missing = `arn:aws:kms:${region}:000000000000:key/${at.recordId}`;
    const keys = generateKeyring();
    const [tokenKey] = keys.keyring.token_keys;
    const wrapped = { ...tokenKey, key: `aws-kms:${missing}`, wrapped_key: "AAAA" };
    await expect(
      resolveKeyring({ ...keys.keyring, token_keys: [wrapped] }, { env: {} }),
    ).rejects.toMatchObject({
      code: "ERR_MASKING_KEY_INVALID",
      faults: [expect.stringMatching(/could not be unwrapped by the KMS \(\w+Exception\)/)],
    });

    const [opener] = keys.privateKeyring.recipients;
    const recipients = [{ ...opener, private_key: `aws-kms:${missing}` }];
    const keyring = await resolvePrivateKeyring(
      { ...keys.privateKeyring, recipients },
      { env: {} },
    );
    const batch = createSealer(await resolveKeyring(keys.keyring, { env: {} }), {
      tenant,
    }).openBatch();
    const [sealedKey] = batch.sealedKeys;
    if (!sealedKey) throw new Error("sealed to nobody");
    const opening = createUnsealer(keyring, { tenant });
    await expect(
      opening.openBatchKey(batch.id, sealedKey.recipient, sealedKey.sealed),
    ).rejects.toMatchObject({ name: "NotFoundException" });
  });
});

interface BatchKeyVectors {
  readonly privateKeyring: { readonly recipients: readonly PrivateRecipientJson[] };
  readonly sealedBatchKeys: readonly BatchKeyVector[];
  readonly refused: readonly (BatchKeyVector & { code: string })[];
}

interface BatchKeyVector {
  readonly tenant: string;
  readonly id: string;
  readonly recipient: string;
  readonly sealed: string;
}
