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
  return extract(salt, labelledKeyMaterial(labelled, keyMaterial));
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
  return labelledExpand(kem("shared_secret"), prk, kemContext, sharedSecretBytes);
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
  return {
    key: createSecretKey(labelledExpand(labelled("key"), secret, context, aead.keyBytes)),
    nonce: labelledExpand(labelled("base_nonce"), secret, context, nonceBytes),
  };
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
  const { key, nonce } = keySchedule(sharedSecretOf(dh, concat(enc, publicKey)), info);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 }).setAAD(aad);
  const ciphertext = concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
  return { enc, ciphertext };
}

function newKeyPair(): ECDH {
  const pair = createECDH("prime256v1");
  pair.generateKeys();
  return pair;
}
