/** A batch key sealed to a recipient. */

import { createCipheriv, createECDH } from "node:crypto";
import { batchKeyIdBytes, batchKeyInfo, encodeSealedBatchKey } from "../../src/format/batch-key.ts";
import { concat } from "../../src/format/bytes.ts";
import { hpkeSeal, messageKey } from "../../src/node/hpke.ts";
import {
  batchKeyId,
  fixedBytes,
  flipped,
  hex,
  hybrid,
  inputInvalid,
  keyUnknown,
  otherBatchKeyId,
  privateKeyring,
  recipient,
  tenant,
  unsealFailed,
} from "./fixtures.ts";

/** A batch key that is sealed with a given ephemeral key pair. */
function sealBatchKey(
  to: { kid: string; publicKey: Uint8Array },
  batchTenant: string,
  id: string,
  ephemeralPrivateKey: Uint8Array,
): Uint8Array {
  const ephemeral = createECDH("prime256v1");
  ephemeral.setPrivateKey(ephemeralPrivateKey);
  const bound = { info: batchKeyInfo(batchTenant, to.kid), aad: batchKeyIdBytes(id) };
  const { enc, ciphertext } = hpkeSeal(to.publicKey, bound, batchKey, ephemeral);
  return encodeSealedBatchKey(enc, ciphertext);
}

/** Authentic in all but the form of `enc`. */
function sealInHybridForm(): Uint8Array {
  const ephemeral = createECDH("prime256v1");
  ephemeral.setPrivateKey(ephemeralPrivateKey);
  const enc = hybrid(ephemeral.getPublicKey());
  const dh = ephemeral.computeSecret(r1.publicKey);
  const kemContext = { enc, publicKey: r1.publicKey };
  const { key, nonce } = messageKey(dh, kemContext, batchKeyInfo(tenant, r1.kid));
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(batchKeyIdBytes(batchKeyId));
  const ciphertext = concat(cipher.update(batchKey), cipher.final(), cipher.getAuthTag());
  return encodeSealedBatchKey(enc, ciphertext);
}

export const batchKey: Uint8Array = fixedBytes("batch key", 64);
const r1 = { kid: "r1", publicKey: recipient.publicKey };
const ephemeralPrivateKey = fixedBytes("ephemeral key", 32);
export const sealedBatchKey: Uint8Array = sealBatchKey(r1, tenant, batchKeyId, ephemeralPrivateKey);

export function batchKeyVectors(): unknown {
  const base = { tenant, id: batchKeyId, recipient: "r1", sealed: hex(sealedBatchKey) };
  const sealedTo = (sealed: Uint8Array): typeof base => ({ ...base, sealed: hex(sealed) });
  const wrongPoint = concat(
    sealedBatchKey.subarray(0, 3),
    fixedBytes("no point", 64),
    sealedBatchKey.subarray(67),
  );
  return {
    privateKeyring,
    sealedBatchKeys: [
      {
        ...base,
        batchKey: hex(batchKey),
        ephemeralPrivateKey: hex(ephemeralPrivateKey),
        info: hex(batchKeyInfo(tenant, "r1")),
        aad: hex(batchKeyIdBytes(batchKeyId)),
      },
    ],
    refused: [
      { name: "another tenant", ...base, tenant: "other", code: unsealFailed },
      { name: "another batch key id", ...base, id: otherBatchKeyId, code: unsealFailed },
      { name: "sealed to another recipient", ...base, recipient: "r9", code: unsealFailed },
      { name: "a disabled recipient", ...base, recipient: "r0", code: keyUnknown },
      { name: "an unknown recipient", ...base, recipient: "r5", code: keyUnknown },
      { name: "an upper-case id", ...base, id: batchKeyId.toUpperCase(), code: inputInvalid },
      { name: "an unknown version", ...sealedTo(flipped(sealedBatchKey, 0)), code: unsealFailed },
      { name: "an unknown suite", ...sealedTo(flipped(sealedBatchKey, 1)), code: unsealFailed },
      {
        name: "enc with one bit changed",
        ...sealedTo(flipped(sealedBatchKey, 40)),
        code: unsealFailed,
      },
      { name: "enc in hybrid form", ...sealedTo(sealInHybridForm()), code: unsealFailed },
      { name: "enc that is no point", ...sealedTo(wrongPoint), code: unsealFailed },
      {
        name: "ciphertext with one bit changed",
        ...sealedTo(flipped(sealedBatchKey, 70)),
        code: unsealFailed,
      },
      {
        name: "tag with one bit changed",
        ...sealedTo(flipped(sealedBatchKey, 146)),
        code: unsealFailed,
      },
      { name: "a truncated tag", ...sealedTo(sealedBatchKey.subarray(0, -12)), code: unsealFailed },
      {
        name: "a byte too many",
        ...sealedTo(concat(sealedBatchKey, Uint8Array.of(0))),
        code: unsealFailed,
      },
      { name: "nothing", ...sealedTo(new Uint8Array(0)), code: unsealFailed },
    ],
  };
}
