/** Unsealing: for whoever holds a recipient's private key. */

import { createDecipheriv, timingSafeEqual } from "node:crypto";
import { MaskingError, unsealFailed } from "../errors.ts";
import { utf8 } from "../format/bytes.ts";
import { checkLabel } from "../format/labels.ts";
import {
  batchKeyIdBytes,
  batchKeyInfo,
  decodeSealedBatchKey,
  encodeSealedBatchKey,
} from "../format/batch-key.ts";
import { type Content, decodeContent } from "../format/content.ts";
import { openingRecipient, rewrapRecipient } from "../format/key-rules.ts";
import type { Keyring, PrivateKeyring } from "../format/keys.ts";
import {
  associatedData,
  type EncodedPlace,
  encodePlace,
  decodeSealed,
  recordNonce,
} from "../format/record.ts";
import {
  batchKeyBytes,
  type RecordPlace,
  type SealedKey,
  seedBytes,
  tagBytes,
} from "../format/vault.ts";
import { type Hmac, openHmac } from "./hmac.ts";
import { hpkeOpen } from "./hpke-open.ts";
import { hpkeSeal } from "./hpke.ts";
import { type Batch, deriveRecordKey } from "./record-key.ts";

/** Opens the records of one batch. */
export interface BatchOpener extends Disposable {
  readonly id: string;
  /**
   * Opens a record of fields.
   *
   * @throws {@link MaskingError} `ERR_MASKING_UNSEAL_FAILED` whatever is wrong: changed bytes,
   *   another seed, row, table, tenant or batch, an unknown version, or a record of bytes;
   *   `ERR_MASKING_INPUT_INVALID` if a label is not one; `ERR_MASKING_KEY_UNKNOWN` after
   *   {@link wipe}.
   */
  readonly unseal: (
    at: RecordPlace,
    sealed: Uint8Array,
    seed: Uint8Array,
  ) => Record<string, string>;
  /**
   * Opens a record of bytes.
   *
   * @throws {@link MaskingError} as {@link unseal} does, and for a record of fields.
   */
  readonly unsealBytes: (at: RecordPlace, sealed: Uint8Array, seed: Uint8Array) => Uint8Array;
  /** Forgets the batch key. JavaScript cannot promise that no copy stays in memory. */
  readonly wipe: () => void;
}

/** Opens batch keys for one tenant. */
export interface Unsealer {
  /**
   * Opens a batch key, with one private-key operation.
   *
   * @param recipient - The kid of the recipient it is sealed to.
   * @throws {@link MaskingError} `ERR_MASKING_KEY_UNKNOWN` if the keyring cannot open for this
   *   recipient; `ERR_MASKING_UNSEAL_FAILED` if the bytes cannot be opened;
   *   `ERR_MASKING_INPUT_INVALID` if the id is none. Errors of a KMS pass through unchanged, since
   *   they may be worth a retry.
   */
  readonly openBatchKey: (
    id: string,
    recipient: string,
    sealed: Uint8Array,
  ) => Promise<BatchOpener>;
  /**
   * Seals a batch key to another recipient; no record is touched. The old one still opens until its
   * row is deleted.
   *
   * @param to - A recipient that is pending or primary, by its kid.
   * @throws {@link MaskingError} as {@link openBatchKey} does; `ERR_MASKING_KEY_UNKNOWN` also if
   *   `to` takes no new keys.
   */
  readonly rewrap: (
    batchKey: { readonly id: string; readonly recipient: string; readonly sealed: Uint8Array },
    to: { readonly keyring: Pick<Keyring, "recipients">; readonly recipient: string },
  ) => Promise<SealedKey>;
}

/**
 * Makes an unsealer for one tenant.
 *
 * Who may open what is for the caller to decide: whoever holds the private key, the batch key, the
 * record and its seed opens it.
 *
 * @throws {@link MaskingError} `ERR_MASKING_INPUT_INVALID` if the tenant is no label.
 *
 * @example
 * ```ts
 * import { generateKeyring, resolveKeyring, resolvePrivateKeyring } from "@org/masking/keyring";
 * import { createSealer } from "@org/masking/seal";
 * import { createUnsealer } from "@org/masking/unseal";
 *
 * const keys = generateKeyring();
 * const keyring = await resolveKeyring(keys.keyring, { env: {} });
 * const batch = createSealer(keyring, { tenant: "acme" }).openBatch();
 * const place = { table: "logins", recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d" };
 * const { sealed, seed } = batch.seal(place, { ip: "192.0.2.1" });
 *
 * const privateKeyring = await resolvePrivateKeyring(keys.privateKeyring, { env: {} });
 * const unsealer = createUnsealer(privateKeyring, { tenant: "acme" });
 * for (const { recipient, sealed: sealedKey } of batch.sealedKeys) {
 *   const opener = await unsealer.openBatchKey(batch.id, recipient, sealedKey);
 *   console.log(opener.unseal(place, sealed, seed)); // { ip: '192.0.2.1' }
 * }
 * ```
 */
export function createUnsealer(
  privateKeyring: PrivateKeyring,
  options: { readonly tenant: string },
): Unsealer {
  const tenant = checkLabel("tenant", options.tenant);

  async function openRaw(id: string, recipient: string, sealed: Uint8Array): Promise<Uint8Array> {
    const aad = batchKeyIdBytes(id);
    const { publicKey, deriveSharedSecret } = openingRecipient(privateKeyring, recipient);
    const parts = decodeSealedBatchKey(sealed);
    if (parts === null) throw unsealFailed();
    const dh = await deriveSharedSecret(parts.enc);
    const bound = { info: batchKeyInfo(tenant, recipient), aad };
    const raw = hpkeOpen(dh, { enc: parts.enc, publicKey }, bound, parts.ciphertext);
    if (raw?.length !== batchKeyBytes) throw unsealFailed();
    return raw;
  }

  return {
    async openBatchKey(id, recipient, sealed) {
      const raw = await openRaw(id, recipient, sealed);
      try {
        return createBatchOpener(id, tenant, openHmac("sha512", raw));
      } finally {
        raw.fill(0);
      }
    },
    async rewrap({ id, recipient, sealed }, to) {
      const { publicKey } = rewrapRecipient(to.keyring, to.recipient);
      const raw = await openRaw(id, recipient, sealed);
      const bound = { info: batchKeyInfo(tenant, to.recipient), aad: batchKeyIdBytes(id) };
      try {
        const { enc, ciphertext } = hpkeSeal(publicKey, bound, raw);
        return { recipient: to.recipient, sealed: encodeSealedBatchKey(enc, ciphertext) };
      } finally {
        raw.fill(0);
      }
    },
  };
}

function createBatchOpener(id: string, tenant: string, hmac: Hmac): BatchOpener {
  let batch: Batch | null = { tenant: utf8(tenant), batchKeyId: batchKeyIdBytes(id), hmac };

  function open(at: RecordPlace, sealed: Uint8Array, seed: Uint8Array): Content {
    const place = encodePlace(at);
    if (batch === null) {
      throw new MaskingError("ERR_MASKING_KEY_UNKNOWN", "The batch key was wiped.");
    }
    const content = openRecord(batch, place, sealed, seed);
    if (content === null) throw unsealFailed();
    return content;
  }

  function wipe(): void {
    batch?.hmac.wipe();
    batch = null;
  }

  return {
    id,
    unseal(at, sealed, seed) {
      const content = open(at, sealed, seed);
      if (content.kind === "fields") return content.fields;
      content.bytes.fill(0);
      throw unsealFailed();
    },
    unsealBytes(at, sealed, seed) {
      const content = open(at, sealed, seed);
      if (content.kind !== "bytes") throw unsealFailed();
      return content.bytes;
    },
    wipe,
    [Symbol.dispose]: wipe,
  };
}

function openRecord(
  batch: Batch,
  place: EncodedPlace,
  sealed: Uint8Array,
  seed: Uint8Array,
): Content | null {
  const parts = decodeSealed(sealed);
  if (parts === null || seed.length !== seedBytes) return null;
  const { key, commitment } = deriveRecordKey(batch, place, seed);
  if (!timingSafeEqual(commitment, parts.commitment)) return null;
  const decipher = createDecipheriv("aes-256-gcm", key, recordNonce, { authTagLength: tagBytes })
    .setAAD(associatedData(parts.header, batch, place))
    .setAuthTag(parts.tag);
  const plaintext = decipher.update(parts.ciphertext);
  try {
    decipher.final();
    return decodeContent(plaintext);
  } catch {
    return null;
  } finally {
    plaintext.fill(0);
  }
}
