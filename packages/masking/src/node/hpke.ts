/**
 * HPKE base mode (RFC 9180), one message a context: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256,
 * AES-256-GCM. What both sides share, and the sender's; the receiver's is in hpke-open.ts.
 */

import {
  createCipheriv,
  createECDH,
  createSecretKey,
  type ECDH,
  type KeyObject,
} from "node:crypto";
import { concat } from "../format/bytes.ts";
import {
  aes256Gcm,
  type Bound,
  kem,
  type Labelled,
  labelledInfo,
  labelledKeyMaterial,
  none,
  nonceBytes,
  schedule,
  scheduleContext,
  sharedSecretBytes,
} from "../format/hpke.ts";
import { expand, extract } from "./hkdf.ts";

/** LabeledExtract of section 4. */
function labelledExtract(
  labelled: Labelled,
  salt: Uint8Array,
  keyMaterial: Uint8Array,
): Uint8Array {
  const labelledMaterial = labelledKeyMaterial(labelled, keyMaterial);
  try {
    return extract(salt, labelledMaterial);
  } finally {
    labelledMaterial.fill(0);
  }
}

/** LabeledExpand of section 4. */
function labelledExpand(
  labelled: Labelled,
  secret: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  return expand(secret, labelledInfo(labelled, info, length), length);
}

/** ExtractAndExpand of section 4.1: what encapsulation and decapsulation agree on. */
export function sharedSecretOf(dh: Uint8Array, kemContext: Uint8Array): Uint8Array {
  const prk = labelledExtract(kem("eae_prk"), none, dh);
  try {
    return labelledExpand(kem("shared_secret"), prk, kemContext, sharedSecretBytes);
  } finally {
    prk.fill(0);
  }
}

/**
 * KeySchedule of section 5.1, for the first message. The AEAD is a parameter only so that the
 * RFC's vectors, which use AES-128-GCM, can be met.
 */
export function keySchedule(
  sharedSecret: Uint8Array,
  info: Uint8Array,
  aead: { readonly id: number; readonly keyBytes: number } = aes256Gcm,
): { key: KeyObject; nonce: Uint8Array } {
  const labelled = schedule(aead.id);
  const pskIdHash = labelledExtract(labelled("psk_id_hash"), none, none);
  const infoHash = labelledExtract(labelled("info_hash"), none, info);
  const context = scheduleContext(pskIdHash, infoHash);
  const secret = labelledExtract(labelled("secret"), sharedSecret, none);
  const raw = labelledExpand(labelled("key"), secret, context, aead.keyBytes);
  try {
    const nonce = labelledExpand(labelled("base_nonce"), secret, context, nonceBytes);
    return { key: createSecretKey(raw), nonce };
  } finally {
    raw.fill(0);
    secret.fill(0);
  }
}

/** What the one message is encrypted with. Zeroes `dh`, of which nothing else is made. */
export function messageKey(
  dh: Uint8Array,
  { enc, publicKey }: { readonly enc: Uint8Array; readonly publicKey: Uint8Array },
  info: Uint8Array,
): { key: KeyObject; nonce: Uint8Array } {
  let sharedSecret: Uint8Array | null = null;
  try {
    sharedSecret = sharedSecretOf(dh, concat(enc, publicKey));
    return keySchedule(sharedSecret, info);
  } finally {
    dh.fill(0);
    sharedSecret?.fill(0);
  }
}

/**
 * Seals one message to a public key. A new ephemeral key pair for each message: it is a parameter
 * only so that test vectors can be met.
 */
export function hpkeSeal(
  publicKey: Uint8Array,
  { info, aad }: Bound,
  plaintext: Uint8Array,
  ephemeral: ECDH = newKeyPair(),
): { enc: Uint8Array; ciphertext: Uint8Array } {
  const enc = ephemeral.getPublicKey();
  const dh = ephemeral.computeSecret(publicKey);
  const { key, nonce } = messageKey(dh, { enc, publicKey }, info);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 }).setAAD(aad);
  const ciphertext = concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
  return { enc, ciphertext };
}

function newKeyPair(): ECDH {
  const pair = createECDH("prime256v1");
  pair.generateKeys();
  return pair;
}
