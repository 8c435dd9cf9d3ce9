/**
 * HPKE base mode (RFC 9180) with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM: its labels
 * and what they are joined to. Deriving with them is each build's own.
 */

import { concat, utf8 } from "./bytes.ts";

/** What a message is bound to. */
export interface Bound {
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
}

/** A suite id and a label of section 4. */
export interface Labelled {
  readonly suite: Uint8Array;
  readonly label: string;
}

export const none: Uint8Array = new Uint8Array(0);
const version = utf8("HPKE-v1");

/** Section 4.1: "KEM", then the KEM's id. */
const kemSuite = concat(utf8("KEM"), Uint8Array.of(0x00, 0x10));
export const kem = (label: string): Labelled => ({ suite: kemSuite, label });

/** Section 5.1: "HPKE", then the ids of KEM, KDF and AEAD. */
export const schedule =
  (aeadId: number) =>
  (label: string): Labelled => ({
    suite: concat(utf8("HPKE"), Uint8Array.of(0x00, 0x10, 0x00, 0x01, 0x00, aeadId)),
    label,
  });

/** The AEAD's id and key length (section 7.3). */
export const aes256Gcm = { id: 2, keyBytes: 32 } as const;
export const nonceBytes = 12;
export const sharedSecretBytes = 32;

/** What LabeledExtract extracts from. */
export function labelledKeyMaterial(
  { suite, label }: Labelled,
  keyMaterial: Uint8Array,
): Uint8Array {
  return concat(version, suite, utf8(label), keyMaterial);
}

/** What LabeledExpand expands with. */
export function labelledInfo(
  { suite, label }: Labelled,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const lengthBytes = Uint8Array.of(length >> 8, length & 0xff);
  return concat(lengthBytes, version, suite, utf8(label), info);
}

const baseMode = Uint8Array.of(0);

/** key_schedule_context of section 5.1. */
export function scheduleContext(pskIdHash: Uint8Array, infoHash: Uint8Array): Uint8Array {
  return concat(baseMode, pskIdHash, infoHash);
}
