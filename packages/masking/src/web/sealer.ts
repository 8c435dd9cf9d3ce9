/** Sealing: for whoever holds public keys alone. */

import { MaskingError } from "../errors.ts";
import { batchKeyIdBytes, batchKeyInfo, encodeSealedBatchKey } from "../format/batch-key.ts";
import { concat, utf8 } from "../format/bytes.ts";
import { type Content, encodeContent } from "../format/content.ts";
import { sealingRecipients } from "../format/key-rules.ts";
import type { Recipient, Usable } from "../format/keys.ts";
import { checkLabel } from "../format/labels.ts";
import { associatedData, encodePlace, recordHeader, recordNonce } from "../format/record.ts";
import {
  batchKeyBytes,
  type RecordPlace,
  type Sealed,
  type SealedKey,
  type SealedRecord,
  type Seed,
  seedBytes,
} from "../format/vault.ts";
import { aesGcm, hpkeSeal } from "./hpke.ts";
import type { Keyring } from "./keyring.ts";
import { type Batch, deriveRecordKey } from "./record-key.ts";
import { importHmacKey } from "./web-key.ts";

/** Seals the records of one batch under one batch key. */
export interface BatchSealer extends Disposable {
  /** The batch key's id, a UUID. Every record sealed here carries it. */
  readonly id: string;
  /** The batch key, sealed once to each primary recipient. Store all of them, with {@link id}. */
  readonly sealedKeys: readonly SealedKey[];
  /**
   * Seals the fields of one record, under a seed of its own.
   *
   * @throws {@link MaskingError} `ERR_MASKING_INPUT_INVALID` if a label is not one or a value is
   *   not well-formed text; `ERR_MASKING_KEY_UNKNOWN` after {@link wipe}.
   */
  seal(at: RecordPlace, fields: Readonly<Record<string, string>>): Promise<SealedRecord>;
  /**
   * Seals bytes as they are.
   *
   * @throws {@link MaskingError} as {@link seal} does, and `ERR_MASKING_INPUT_INVALID` for anything
   *   but a Uint8Array.
   */
  sealBytes(at: RecordPlace, bytes: Uint8Array): Promise<SealedRecord>;
  /** Forgets the batch key; a record being sealed is still finished. */
  wipe(): void;
}

/** Opens batches for one tenant. */
export interface Sealer {
  /** Draws a batch key and seals it to each primary recipient: the one costly step of a batch. */
  openBatch(): Promise<BatchSealer>;
}

/**
 * Makes a sealer to the keyring's primary recipients. It needs public keys alone: a browser may
 * seal what only the server opens.
 *
 * @param options.tenant - Bound to everything sealed; opening takes the same.
 * @throws {@link MaskingError} `ERR_MASKING_KEY_UNKNOWN` if no recipient is primary;
 *   `ERR_MASKING_INPUT_INVALID` if the tenant is no label.
 *
 * @example
 * ```ts
 * import { createSealer, generateKeyring, resolveKeyring } from "@org/masking/web";
 *
 * const keyring = await resolveKeyring((await generateKeyring()).keyring);
 * const batch = await createSealer(keyring, { tenant: "acme" }).openBatch();
 * const place = { table: "logins", recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d" };
 * const { sealed, seed } = await batch.seal(place, { ip: "192.0.2.1" });
 * console.log(sealed.length, seed.length, batch.sealedKeys.length); // 258 32 1
 * ```
 */
export function createSealer(
  keyring: Pick<Keyring, "recipients">,
  options: { readonly tenant: string },
): Sealer {
  const tenant = checkLabel("tenant", options.tenant);
  const recipients = sealingRecipients(keyring);
  return { openBatch: () => openBatch(tenant, recipients) };
}

async function openBatch(
  tenant: string,
  recipients: readonly Usable<Recipient>[],
): Promise<BatchSealer> {
  const id = crypto.randomUUID();
  const batchKeyId = batchKeyIdBytes(id);
  const raw = crypto.getRandomValues(new Uint8Array(batchKeyBytes));
  try {
    const sealedKeys = await Promise.all(
      recipients.map(async ({ kid, publicKey }) => {
        const bound = { info: batchKeyInfo(tenant, kid), aad: batchKeyId };
        const { enc, ciphertext } = await hpkeSeal(publicKey, bound, raw);
        return { recipient: kid, sealed: encodeSealedBatchKey(enc, ciphertext) };
      }),
    );
    const key = await importHmacKey("SHA-512", raw);
    return createBatchSealer({ tenant: utf8(tenant), batchKeyId, key }, { id, sealedKeys });
  } finally {
    raw.fill(0);
  }
}

function createBatchSealer(
  opened: Batch,
  { id, sealedKeys }: Pick<BatchSealer, "id" | "sealedKeys">,
): BatchSealer {
  let batch: Batch | null = opened;

  async function sealContent(at: RecordPlace, content: Content): Promise<SealedRecord> {
    if (batch === null) {
      throw new MaskingError("ERR_MASKING_KEY_UNKNOWN", "The batch key was wiped.");
    }
    return sealRecord(batch, at, content);
  }

  function wipe(): void {
    batch = null;
  }

  return {
    id,
    sealedKeys,
    seal: (at, fields) => sealContent(at, { kind: "fields", fields }),
    sealBytes: (at, bytes) => sealContent(at, { kind: "bytes", bytes }),
    wipe,
    [Symbol.dispose]: wipe,
  };
}

/** Draws the seed itself: the nonce is constant, so the seed alone makes the key fresh. */
async function sealRecord(batch: Batch, at: RecordPlace, content: Content): Promise<SealedRecord> {
  const place = encodePlace(at);
  const plaintext = encodeContent(content);
  try {
    const seed = crypto.getRandomValues(new Uint8Array(seedBytes)) as Uint8Array as Seed;
    const { key, commitment } = await deriveRecordKey(batch, place, seed);
    const header = recordHeader(commitment, batch.batchKeyId);
    const parameters = aesGcm(recordNonce, associatedData(header, batch, place));
    const ciphertext = await crypto.subtle.encrypt(parameters, key, plaintext);
    return { sealed: concat(header, new Uint8Array(ciphertext)) as Sealed, seed };
  } finally {
    plaintext.fill(0);
  }
}
