/** Moves a record to another token key without a moment in which it is stored in the clear. */

import { MaskingError } from "../errors.ts";
import type { RecordPlace, SealedRecord } from "../format/vault.ts";
import type { BatchSealer } from "./sealer.ts";
import type { BatchOpener } from "./unsealer.ts";

/**
 * Opens a record, makes its new tokens, and reseals it: a fresh seed, under the fresh batch key of
 * `to`. Replace tokens, sealed record and seed in one transaction, and only then drop the old.
 *
 * @param record - As it is stored.
 * @param by.tokens - Makes the new tokens of the opened fields, by a tokenizer whose primary key
 *   is the new one.
 * @throws {@link MaskingError} `ERR_MASKING_INPUT_INVALID` if `to` is the batch that `from` opens;
 *   and as opening, tokenizing and sealing do.
 *
 * @example
 * ```ts
 * import { createTokenizer } from "@org/masking";
 * import { generateKeyring, resolveKeyring, resolvePrivateKeyring } from "@org/masking/keyring";
 * import { createSealer } from "@org/masking/seal";
 * import { createUnsealer, retoken } from "@org/masking/unseal";
 *
 * const tenant = "acme";
 * const keys = generateKeyring();
 * const keyring = await resolveKeyring(keys.keyring, { env: {} });
 * const sealer = createSealer(keyring, { tenant });
 * const old = sealer.openBatch();
 * const at = { table: "logins", recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d" };
 * const stored = old.seal(at, { ip: "192.0.2.1" });
 *
 * const tokenizer = createTokenizer(keyring, { tenant, fields: { ip: "ip/1" } });
 * const privateKeyring = await resolvePrivateKeyring(keys.privateKeyring, { env: {} });
 * const unsealer = createUnsealer(privateKeyring, { tenant });
 * for (const { recipient, sealed } of old.sealedKeys) {
 *   const opener = await unsealer.openBatchKey(old.id, recipient, sealed);
 *   const { tokens } = retoken(
 *     { at, ...stored },
 *     { from: opener, to: sealer.openBatch(), tokens: ({ ip = "" }) => tokenizer.tokenize("ip", ip) },
 *   );
 *   console.log(tokens.startsWith("mk1.t1.")); // true
 * }
 * ```
 */
export function retoken<Tokens>(
  record: { readonly at: RecordPlace; readonly sealed: Uint8Array; readonly seed: Uint8Array },
  by: {
    readonly from: BatchOpener;
    readonly to: BatchSealer;
    readonly tokens: (fields: Readonly<Record<string, string>>) => Tokens;
  },
): SealedRecord & { readonly tokens: Tokens } {
  // Whoever has the old batch key could open the resealed record too.
  if (by.to.id === by.from.id) {
    throw new MaskingError(
      "ERR_MASKING_INPUT_INVALID",
      "A record is resealed in another batch than the one it leaves.",
    );
  }
  const fields = by.from.unseal(record.at, record.sealed, record.seed);
  return { tokens: by.tokens(fields), ...by.to.seal(record.at, fields) };
}
