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
import { concat, utf8 } from "../format/bytes.ts";
import { expand, extract } from "./hkdf.ts";

/** What a message is bound to. */
export interface Bound {
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
}

/** A suite id and a label of section 4. */
interface Labelled {
  readonly suite: Uint8Array;
  readonly label: string;
}

const none: Uint8Array = new Uint8Array(0);
const version = utf8("HPKE-v1");

/** Section 4.1: "KEM", then the KEM's id. */
const kemSuite = concat(utf8("KEM"), Uint8Array.of(0x00, 0x10));
const kem = (label: string): Labelled => ({ suite: kemSuite, label });

/** Section 5.1: "HPKE", then the ids of KEM, KDF and AEAD. */
const schedule =
  (aeadId: number) =>
  (label: string): Labelled => ({
    suite: concat(utf8("HPKE"), Uint8Array.of(0x00, 0x10, 0x00, 0x01, 0x00, aeadId)),
    label,
  });

/** The AEAD's id and key length (section 7.3). */
const aes256Gcm = { id: 2, keyBytes: 32 } as const;
const nonceBytes = 12;
const sharedSecretBytes = 32;

/** LabeledExtract of section 4. */
function labelledExtract(
  { suite, label }: Labelled,
  salt: Uint8Array,
  keyMaterial: Uint8Array,
): Uint8Array {
  const labelledMaterial = concat(version, suite, utf8(label), keyMaterial);
  try {
    return extract(salt, labelledMaterial);
  } finally {
    labelledMaterial.fill(0);
  }
}

/** LabeledExpand of section 4. */
function labelledExpand(
  { suite, label }: Labelled,
  secret: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const lengthBytes = Uint8Array.of(length >> 8, length & 0xff);
  return expand(secret, concat(lengthBytes, version, suite, utf8(label), info), length);
}

const baseMode = Uint8Array.of(0);

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
  const context = concat(baseMode, pskIdHash, infoHash);
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
