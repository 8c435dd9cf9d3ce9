/** Unsealing: for whoever holds a recipient's private key. */

import { MaskingError, unsealFailed } from "../errors.ts";
import {
  batchKeyIdBytes,
  batchKeyInfo,
  decodeSealedBatchKey,
  encodeSealedBatchKey,
} from "../format/batch-key.ts";
import { concat, equalBytes, utf8 } from "../format/bytes.ts";
import { type Content, decodeContent } from "../format/content.ts";
import { openingRecipient, rewrapRecipient } from "../format/key-rules.ts";
import type { PrivateKeyring } from "../format/keys.ts";
import { checkLabel } from "../format/labels.ts";
import { associatedData, decodeSealed, encodePlace, recordNonce } from "../format/record.ts";
import { batchKeyBytes, type RecordPlace, type SealedKey, seedBytes } from "../format/vault.ts";
import { hpkeOpen } from "./hpke-open.ts";
import { aesGcm, hpkeSeal } from "./hpke.ts";
import type { Keyring } from "./keyring.ts";
import { type Batch, deriveRecordKey } from "./record-key.ts";
import { importHmacKey, type WebKey } from "./web-key.ts";

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
  unseal(at: RecordPlace, sealed: Uint8Array, seed: Uint8Array): Promise<Record<string, string>>;
  /**
   * Opens a record of bytes.
   *
   * @throws {@link MaskingError} as {@link unseal} does, and for a record of fields.
   */
  unsealBytes(at: RecordPlace, sealed: Uint8Array, seed: Uint8Array): Promise<Uint8Array>;
  /** Forgets the batch key; a record being opened is still finished. */
  wipe(): void;
}

/** Opens batch keys for one tenant. */
export interface Unsealer {
  /**
   * Opens a batch key, with one private-key operation.
   *
   * @param recipient - The kid of the recipient it is sealed to.
   * @throws {@link MaskingError} `ERR_MASKING_KEY_UNKNOWN` if the keyring cannot open for this
   *   recipient; `ERR_MASKING_UNSEAL_FAILED` if the bytes cannot be opened;
   *   `ERR_MASKING_INPUT_INVALID` if the id is none. Errors of a KMS pass through unchanged.
   */
  openBatchKey(id: string, recipient: string, sealed: Uint8Array): Promise<BatchOpener>;
  /**
   * Seals a batch key to another recipient; no record is touched.
   *
   * @param to - A recipient that is pending or primary, by its kid.
   * @throws {@link MaskingError} as {@link openBatchKey} does; `ERR_MASKING_KEY_UNKNOWN` also if
   *   `to` takes no new keys.
   */
  rewrap(
    batchKey: { readonly id: string; readonly recipient: string; readonly sealed: Uint8Array },
    to: { readonly keyring: Pick<Keyring, "recipients">; readonly recipient: string },
  ): Promise<SealedKey>;
}

/**
 * Makes an unsealer for one tenant.
 *
 * @throws {@link MaskingError} `ERR_MASKING_INPUT_INVALID` if the tenant is no label.
 *
 * @example
 * ```ts
 * import {
 *   createSealer,
 *   createUnsealer,
 *   generateKeyring,
 *   resolveKeyring,
 *   resolvePrivateKeyring,
 * } from "@org/masking/web";
 *
 * const keys = await generateKeyring();
 * const sealer = createSealer(await resolveKeyring(keys.keyring), { tenant: "acme" });
 * const batch = await sealer.openBatch();
 * const place = { table: "logins", recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d" };
 * const { sealed, seed } = await batch.seal(place, { ip: "192.0.2.1" });
 *
 * const privateKeyring = await resolvePrivateKeyring(keys.privateKeyring);
 * const unsealer = createUnsealer(privateKeyring, { tenant: "acme" });
 * for (const { recipient, sealed: sealedKey } of batch.sealedKeys) {
 *   const opener = await unsealer.openBatchKey(batch.id, recipient, sealedKey);
 *   console.log(await opener.unseal(place, sealed, seed)); // { ip: '192.0.2.1' }
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
    const raw = await hpkeOpen(dh, { enc: parts.enc, publicKey }, bound, parts.ciphertext);
    if (raw?.length !== batchKeyBytes) throw unsealFailed();
    return raw;
  }

  return {
    async openBatchKey(id, recipient, sealed) {
      const raw = await openRaw(id, recipient, sealed);
      try {
        return createBatchOpener(id, tenant, await importHmacKey("SHA-512", raw));
      } finally {
        raw.fill(0);
      }
    },
    async rewrap({ id, recipient, sealed }, to) {
      const { publicKey } = rewrapRecipient(to.keyring, to.recipient);
      const raw = await openRaw(id, recipient, sealed);
      const bound = { info: batchKeyInfo(tenant, to.recipient), aad: batchKeyIdBytes(id) };
      try {
        const { enc, ciphertext } = await hpkeSeal(publicKey, bound, raw);
        return { recipient: to.recipient, sealed: encodeSealedBatchKey(enc, ciphertext) };
      } finally {
        raw.fill(0);
      }
    },
  };
}

function createBatchOpener(id: string, tenant: string, key: WebKey): BatchOpener {
  let batch: Batch | null = { tenant: utf8(tenant), batchKeyId: batchKeyIdBytes(id), key };

  async function open(at: RecordPlace, sealed: Uint8Array, seed: Uint8Array): Promise<Content> {
    if (batch === null) {
      throw new MaskingError("ERR_MASKING_KEY_UNKNOWN", "The batch key was wiped.");
    }
    const content = await openRecord(batch, at, { sealed, seed });
    if (content === null) throw unsealFailed();
    return content;
  }

  function wipe(): void {
    batch = null;
  }

  return {
    id,
    async unseal(at, sealed, seed) {
      const content = await open(at, sealed, seed);
      if (content.kind === "fields") return content.fields;
      content.bytes.fill(0);
      throw unsealFailed();
    },
    async unsealBytes(at, sealed, seed) {
      const content = await open(at, sealed, seed);
      if (content.kind !== "bytes") throw unsealFailed();
      return content.bytes;
    },
    wipe,
    [Symbol.dispose]: wipe,
  };
}

async function openRecord(
  batch: Batch,
  at: RecordPlace,
  { sealed, seed }: { readonly sealed: Uint8Array; readonly seed: Uint8Array },
): Promise<Content | null> {
  const place = encodePlace(at);
  const parts = decodeSealed(sealed);
  if (parts === null || seed.length !== seedBytes) return null;
  const { key, commitment } = await deriveRecordKey(batch, place, seed);
  if (!equalBytes(commitment, parts.commitment)) return null;
  const parameters = aesGcm(recordNonce, associatedData(parts.header, batch, place));
  let plaintext: Uint8Array | null = null;
  try {
    const sealedBytes = concat(parts.ciphertext, parts.tag);
    plaintext = new Uint8Array(await crypto.subtle.decrypt(parameters, key, sealedBytes));
    return decodeContent(plaintext);
  } catch {
    return null;
  } finally {
    plaintext?.fill(0);
  }
}
