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

const none = new Uint8Array(0);
const version = utf8("HPKE-v1");
/** Section 4.1: "KEM", then the KEM's id. */
const kemSuite = concat(utf8("KEM"), Uint8Array.of(0x00, 0x10));
const baseMode = Uint8Array.of(0);

/** LabeledExtract of section 4. */
function labelledExtract(
  { suite, label }: Labelled,
  salt: Uint8Array,
  keyMaterial: Uint8Array,
): Uint8Array {
  return extract(salt, concat(version, suite, utf8(label), keyMaterial));
}

/** LabeledExpand of section 4. */
function labelledExpand(
  { suite, label }: Labelled,
  secret: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const lengthBytes = Uint8Array.of(length >> 8, length & 0xff);
  return expand("sha256", secret, concat(lengthBytes, version, suite, utf8(label), info), length);
}

interface Labelled {
  readonly suite: Uint8Array;
  readonly label: string;
}

const kem = (label: string): Labelled => ({ suite: kemSuite, label });
/** ExtractAndExpand of section 4.1: what encapsulation and decapsulation agree on. */
export function sharedSecretOf(dh: Uint8Array, kemContext: Uint8Array): Uint8Array {
  const prk = labelledExtract(kem("eae_prk"), none, dh);
  return labelledExpand(kem("shared_secret"), prk, kemContext, 32);
}

/** The AEAD's id and key length (section 7.3). */
const aes256Gcm = { id: 2, keyBytes: 32 } as const;

/**
 * KeySchedule of section 5.1, for the first message. The AEAD is a parameter only so that the
 * RFC's vectors, which use AES-128-GCM, can be met.
 */
export function keySchedule(
  sharedSecret: Uint8Array,
  info: Uint8Array,
  aead: { readonly id: number; readonly keyBytes: number } = aes256Gcm,
): { key: KeyObject; nonce: Uint8Array } {
  const suite = concat(utf8("HPKE"), Uint8Array.of(0x00, 0x10, 0x00, 0x01, 0x00, aead.id));
  const pskIdHash = labelledExtract({ suite, label: "psk_id_hash" }, none, none);
  const infoHash = labelledExtract({ suite, label: "info_hash" }, none, info);
  const context = concat(baseMode, pskIdHash, infoHash);
  const secret = labelledExtract({ suite, label: "secret" }, sharedSecret, none);
  return {
    key: createSecretKey(labelledExpand({ suite, label: "key" }, secret, context, aead.keyBytes)),
    nonce: labelledExpand({ suite, label: "base_nonce" }, secret, context, 12),
  };
}

export interface Bound {
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
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
