/** Uses the installed package as its users do; throws at the first thing that is not as promised. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const tenant = "acme";
const at = { table: "logins", recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d" };
const fields = { ip: "192.0.2.1", account: "593-47-5928" };

export async function smoke({ core, keyring, seal, unseal }) {
  await meetsVectors({ ...core, ...keyring, ...unseal });

  const keys = keyring.generateKeyring();
  const sources = { env: {} };
  const batch = seal.createSealer(await keyring.resolveKeyring(keys.keyring, sources), { tenant });
  const privateKeyring = await keyring.resolvePrivateKeyring(keys.privateKeyring, sources);
  await opens(batch.openBatch(), unseal.createUnsealer(privateKeyring, { tenant }));
  await namesTheMissingPeer(core, keyring);
}

async function meetsVectors(library) {
  const { keyring: json, tokens } = read("./tokens.json");
  const keyring = await library.resolveKeyring(json, { env: {} });
  for (const { tenant: of, field, norm, value, token } of tokens) {
    const options = { tenant: of, fields: { [field]: norm } };
    const tokenizer = await library.createTokenizer(keyring, options);
    assert.equal(await tokenizer.tokenize(field, value), token);
  }

  const { privateKeyring, batch, records } = read("./records.json");
  const opening = await library.resolvePrivateKeyring(privateKeyring, { env: {} });
  const unsealer = library.createUnsealer(opening, { tenant: batch.tenant });
  const opener = await unsealer.openBatchKey(batch.id, batch.recipient, bytes(batch.sealed));
  const [record] = records.filter((vector) => vector.fields);
  const opened = await opener.unseal(record, bytes(record.sealed), bytes(record.seed));
  assert.deepEqual(opened, record.fields);
}

async function opens(batch, unsealer) {
  const { sealed, seed } = await batch.seal(at, fields);
  for (const { recipient, sealed: key } of batch.sealedKeys) {
    const opener = await unsealer.openBatchKey(batch.id, recipient, key);
    assert.deepEqual(await opener.unseal(at, sealed, seed), fields);
  }
  assert.equal(batch.sealedKeys.length, 1);
}

/** The AWS SDK is an optional peer, and nobody installed it here. */
async function namesTheMissingPeer({ MaskingError }, { generateKeyring, resolveKeyring }) {
  const { keyring } = generateKeyring();
  const [tokenKey] = keyring.token_keys;
  const key = "aws-kms:arn:aws:kms:eu-central-1:111122223333:key/k";
  const json = { ...keyring, token_keys: [{ ...tokenKey, key, wrapped_key: "AAAA" }] };
  await assert.rejects(resolveKeyring(json, { env: {} }), (error) => {
    assert.ok(error instanceof MaskingError);
    assert.match(error.message, /needs the package @aws-sdk\/client-kms, which is not installed/);
    return true;
  });
}
