/** Sealing: for whoever holds public keys alone. */

import { randomFillSync, randomUUID } from "node:crypto";
import { MaskingError } from "../errors.ts";
import { utf8 } from "../format/bytes.ts";
import { checkLabel } from "../format/labels.ts";
import { batchKeyIdBytes, batchKeyInfo, encodeSealedBatchKey } from "../format/batch-key.ts";
import { type Content, encodeContent } from "../format/content.ts";
import { sealingRecipients } from "../format/key-rules.ts";
import type { Keyring, Recipient, Usable } from "../format/keys.ts";
import {
  batchKeyBytes,
  type RecordPlace,
  type SealedKey,
  type SealedRecord,
} from "../format/vault.ts";
import { openHmac } from "./hmac.ts";
import { hpkeSeal } from "./hpke.ts";
import type { Batch } from "./record-key.ts";
import { sealPlaintext } from "./seal-plaintext.ts";
import { nextSeed } from "./seed-pool.ts";

/** Seals the records of one batch under one batch key. */
export interface BatchSealer extends Disposable {
  /** The batch key's id, a UUID. Every record sealed here carries it. */
  readonly id: string;
  /** The batch key, sealed once to each primary recipient. Store all of them, with {@link id}. */
  readonly sealedKeys: readonly SealedKey[];
  /**
   * Seals the fields of one record, under a seed of its own. Sealing one record twice is safe; it
   * gives other bytes.
   *
   * @throws {@link MaskingError} `ERR_MASKING_INPUT_INVALID` if a label is not one or a value is
   *   not well-formed text; `ERR_MASKING_KEY_UNKNOWN` after {@link wipe}.
   */
  readonly seal: (at: RecordPlace, fields: Readonly<Record<string, string>>) => SealedRecord;
  /**
   * Seals bytes as they are.
   *
   * @throws {@link MaskingError} as {@link seal} does, and `ERR_MASKING_INPUT_INVALID` for anything
   *   but a Uint8Array.
   */
  readonly sealBytes: (at: RecordPlace, bytes: Uint8Array) => SealedRecord;
  /** Forgets the batch key. JavaScript cannot promise that no copy stays in memory. */
  readonly wipe: () => void;
}

/** Opens batches for one tenant. */
export interface Sealer {
  /** Generates a batch key and seals it to each primary recipient: the one costly step of a batch. */
  readonly openBatch: () => BatchSealer;
}

/**
 * Makes a sealer to the keyring's primary recipients.
 *
 * It needs public keys alone, and no code here can open what it seals: opening takes
 * `@org/masking/unseal`, a recipient's private key, the batch key and the record's seed.
 *
 * @param options.tenant - Bound to everything sealed; opening takes the same.
 * @throws {@link MaskingError} `ERR_MASKING_KEY_UNKNOWN` if no recipient is primary;
 *   `ERR_MASKING_INPUT_INVALID` if the tenant is no label.
 *
 * @example
 * ```ts
 * import { createSealer } from "@org/masking/seal";
 * import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
 *
 * const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });
 * const sealer = createSealer(keyring, { tenant: "acme" });
 *
 * const batch = sealer.openBatch();
 * const place = { table: "logins", recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d" };
 * const { sealed, seed } = batch.seal(place, { ip: "192.0.2.1" });
 * batch.wipe();
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

/**
 * Makes a sealer where originals are to be kept: where the keyring names a recipient, unless
 * `vault` says otherwise.
 *
 * @param options.vault - `off` keeps no originals; `on` needs a recipient; null leaves it to the
 *   keyring, and a recipient in it that cannot be sealed to is an error, since what is written
 *   without a seal meanwhile could never be recovered.
 * @throws {@link MaskingError} as {@link createSealer} does.
 *
 * @example
 * ```ts
 * import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
 * import { openSealer } from "@org/masking/seal";
 *
 * const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });
 * console.log(openSealer(keyring, { tenant: "acme", vault: null }) !== null); // true
 * console.log(openSealer({ recipients: [] }, { tenant: "acme", vault: null })); // null
 * ```
 */
export function openSealer(
  keyring: Pick<Keyring, "recipients">,
  { tenant, vault }: { readonly tenant: string; readonly vault: "off" | "on" | null },
): Sealer | null {
  const hasRecipient = keyring.recipients.some(({ state }) => state !== "disabled");
  const isKept = vault === "on" || (vault === null && hasRecipient);
  return isKept ? createSealer(keyring, { tenant }) : null;
}

function openBatch(tenant: string, recipients: readonly Usable<Recipient>[]): BatchSealer {
  const id = randomUUID();
  const batchKeyId = batchKeyIdBytes(id);
  const raw = randomFillSync(new Uint8Array(batchKeyBytes));
  try {
    const sealedKeys = recipients.map(({ kid, publicKey }) => {
      const bound = { info: batchKeyInfo(tenant, kid), aad: batchKeyId };
      const { enc, ciphertext } = hpkeSeal(publicKey, bound, raw);
      return { recipient: kid, sealed: encodeSealedBatchKey(enc, ciphertext) };
    });
    const hmac = openHmac("sha512", raw);
    return createBatchSealer({ tenant: utf8(tenant), batchKeyId, hmac }, { id, sealedKeys });
  } finally {
    raw.fill(0);
  }
}

function createBatchSealer(
  opened: Batch,
  { id, sealedKeys }: Pick<BatchSealer, "id" | "sealedKeys">,
): BatchSealer {
  let batch: Batch | null = opened;

  function sealContent(at: RecordPlace, content: Content): SealedRecord {
    if (batch === null) {
      throw new MaskingError("ERR_MASKING_KEY_UNKNOWN", "The batch key was wiped.");
    }
    const seed = nextSeed();
    const plaintext = encodeContent(content);
    try {
      return { sealed: sealPlaintext(batch, at, plaintext, seed), seed };
    } finally {
      plaintext.fill(0);
    }
  }

  function wipe(): void {
    batch?.hmac.wipe();
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
