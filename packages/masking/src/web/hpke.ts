/** HPKE base mode (RFC 9180) on WebCrypto: what both sides share, and the sender's; the receiver's is in hpke-open.ts. */

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
import {
  diffieHellman,
  hmac,
  importAesKey,
  importHmacKey,
  importPoint,
  p256,
  type WebKey,
} from "./web-key.ts";

/** HMAC pads its key with zeros, so this is an empty salt; WebCrypto imports no empty key. */
const noSalt = new Uint8Array(32);

/** LabeledExtract of section 4. */
async function labelledExtract(
  labelled: Labelled,
  salt: Uint8Array,
  keyMaterial: Uint8Array,
): Promise<Uint8Array> {
  const key = await importHmacKey("SHA-256", salt);
  const labelledMaterial = labelledKeyMaterial(labelled, keyMaterial);
  try {
    return await hmac(key, labelledMaterial);
  } finally {
    labelledMaterial.fill(0);
  }
}

/** LabeledExpand of section 4, for at most the 32 bytes of HKDF's first block. */
async function labelledExpand(
  labelled: Labelled,
  secret: Uint8Array,
  info: Uint8Array,
  length: number,
): Promise<Uint8Array> {
  const key = await importHmacKey("SHA-256", secret);
  const block = await hmac(key, concat(labelledInfo(labelled, info, length), Uint8Array.of(1)));
  return block.subarray(0, length);
}

/** ExtractAndExpand of section 4.1. */
async function sharedSecretOf(dh: Uint8Array, kemContext: Uint8Array): Promise<Uint8Array> {
  const prk = await labelledExtract(kem("eae_prk"), noSalt, dh);
  try {
    return await labelledExpand(kem("shared_secret"), prk, kemContext, sharedSecretBytes);
  } finally {
    prk.fill(0);
  }
}

/** What one message is encrypted with. Zeroes `dh`, of which nothing else is made. */
export async function messageCipher(
  dh: Uint8Array,
  { enc, publicKey }: { readonly enc: Uint8Array; readonly publicKey: Uint8Array },
  { info, aad }: Bound,
): Promise<{ key: WebKey; parameters: AesGcm }> {
  let sharedSecret: Uint8Array | null = null;
  try {
    sharedSecret = await sharedSecretOf(dh, concat(enc, publicKey));
    const { key, nonce } = await keySchedule(sharedSecret, info);
    return { key, parameters: aesGcm(nonce, aad) };
  } finally {
    dh.fill(0);
    sharedSecret?.fill(0);
  }
}

/** KeySchedule of section 5.1, for the first message. */
async function keySchedule(
  sharedSecret: Uint8Array,
  info: Uint8Array,
): Promise<{ key: WebKey; nonce: Uint8Array }> {
  const labelled = schedule(aes256Gcm.id);
  const pskIdHash = await labelledExtract(labelled("psk_id_hash"), noSalt, none);
  const infoHash = await labelledExtract(labelled("info_hash"), noSalt, info);
  const context = scheduleContext(pskIdHash, infoHash);
  const secret = await labelledExtract(labelled("secret"), sharedSecret, none);
  try {
    const raw = await labelledExpand(labelled("key"), secret, context, aes256Gcm.keyBytes);
    return {
      key: await importAesKey(raw),
      nonce: await labelledExpand(labelled("base_nonce"), secret, context, nonceBytes),
    };
  } finally {
    secret.fill(0);
  }
}

interface AesGcm {
  readonly name: "AES-GCM";
  readonly iv: Uint8Array;
  readonly additionalData: Uint8Array;
  readonly tagLength: 128;
}

/** AES-GCM with the whole tag: runtimes take shorter ones if asked. */
export const aesGcm = (iv: Uint8Array, additionalData: Uint8Array): AesGcm => ({
  name: "AES-GCM",
  iv,
  additionalData,
  tagLength: 128,
});

/**
 * Seals one message to a public key. A new ephemeral key pair for each message: it is a parameter
 * only so that test vectors can be met.
 */
export async function hpkeSeal(
  publicKey: Uint8Array,
  bound: Bound,
  plaintext: Uint8Array,
  ephemeral: Promise<KeyPair> = newKeyPair(),
): Promise<{ enc: Uint8Array; ciphertext: Uint8Array }> {
  const pair = await ephemeral;
  const enc = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const dh = await diffieHellman(pair.privateKey, await importPoint(publicKey));
  const { key, parameters } = await messageCipher(dh, { enc, publicKey }, bound);
  const ciphertext = new Uint8Array(await crypto.subtle.encrypt(parameters, key, plaintext));
  return { enc, ciphertext };
}

interface KeyPair {
  readonly privateKey: WebKey;
  readonly publicKey: WebKey;
}

async function newKeyPair(): Promise<KeyPair> {
  return crypto.subtle.generateKey(p256, true, ["deriveBits"]);
}
