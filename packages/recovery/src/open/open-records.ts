/** Opens claimed records with the private keyring. */

import type { ClaimedRecord, FreshBatchKey, StoredBatchKey } from "@org/db";
import { MaskingError } from "@org/masking";
import type { BatchOpener, Unsealer } from "@org/masking/unseal";
import { exit, RecoverError } from "../exit.ts";

export interface OpenedRecord {
  readonly record: ClaimedRecord;
  /** Null if it cannot be opened: changed, or sealed to somebody else. */
  readonly content: Readonly<Record<string, string>> | null;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws {@link RecoverError} (exit 30) if the database handed out something else as well, or a record twice. */
export function onlyClaimed(
  records: readonly ClaimedRecord[],
  claimedIds: readonly string[],
): readonly ClaimedRecord[] {
  const left = new Set(claimedIds);
  if (records.every(({ recordId }) => left.delete(recordId))) return records;
  throw new RecoverError(exit.tampering, "The database handed out what was not claimed.", {
    advice:
      "Nothing was opened. Somebody changed the functions of the schema recovery: tell the security team.",
  });
}

/** What opens records, and the label that a contract's rows were sealed under. */
export interface Opening {
  readonly unsealer: Unsealer;
  readonly table: string;
}

/** One private-key operation a batch key, not a record. */
export async function openRecords(
  records: readonly ClaimedRecord[],
  batchKeys: readonly StoredBatchKey[],
  { unsealer, table }: Opening,
): Promise<OpenedRecord[]> {
  const keysById = Map.groupBy(batchKeys, ({ id }) => id);
  const opened: OpenedRecord[] = [];
  for (const [id, group] of Map.groupBy(records, ({ batchKeyId }) => batchKeyId)) {
    using opener = await openBatchKey(keysById.get(id) ?? [], unsealer).catch(nullIfMasking);
    for (const record of group) {
      opened.push({ record, content: opener && openRecord(record, opener, table) });
    }
  }
  return opened;
}

/**
 * By whichever recipient the private keyring has; null if it was changed or is gone, so that nobody
 * can open it.
 *
 * @throws MaskingError with another code than `ERR_MASKING_UNSEAL_FAILED` where somebody else may be
 *   able to: the private keyring has none of the recipients.
 */
export async function openBatchKey(
  keys: readonly StoredBatchKey[],
  unsealer: Unsealer,
): Promise<BatchOpener | null> {
  let notOurs: MaskingError | null = null;
  for (const { id, recipient, sealed } of keys) {
    try {
      return await unsealer.openBatchKey(id, recipient, sealed);
    } catch (error) {
      if (!(error instanceof MaskingError)) throw error;
      if (error.code !== "ERR_MASKING_UNSEAL_FAILED") notOurs = error;
    }
  }
  if (notOurs !== null) throw notOurs;
  return null;
}

/**
 * Before anything is sealed anew: what the only key to it is thrown away for must be openable.
 *
 * @throws {@link RecoverError} (exit 2) if the private keyring does not open what the public one seals.
 */
export async function requireOpenable(
  { id, sealedKeys }: FreshBatchKey,
  unsealer: Unsealer,
): Promise<void> {
  const keys = sealedKeys.map((key) => ({ id, ...key }));
  using opener = await openBatchKey(keys, unsealer).catch(nullIfMasking);
  if (opener !== null) return;
  const recipients = keys.map(({ recipient }) => recipient).join(", ");
  throw new RecoverError(
    exit.configuration,
    `The private keyring does not open what is sealed to ${recipients}.`,
    {
      advice:
        "Nothing was changed. Its private key is missing, or the consumer's keyring holds another public key under that name.",
    },
  );
}

/** Of an opening that failed, for whatever reason. */
export function nullIfMasking(error: unknown): null {
  if (error instanceof MaskingError) return null;
  throw error;
}

function openRecord(
  { source, recordId, sealed, seed }: ClaimedRecord,
  opener: BatchOpener,
  table: string,
): OpenedRecord["content"] {
  try {
    return source === "row"
      ? opener.unseal({ table, recordId }, sealed, seed)
      : { body: textOf(opener.unsealBytes({ table: "quarantine", recordId }, sealed, seed)) };
  } catch (error) {
    return nullIfMasking(error);
  }
}

/** A body that is no UTF-8 is shown as base64. */
function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return `base64:${Buffer.from(bytes).toString("base64")}`;
  }
}
