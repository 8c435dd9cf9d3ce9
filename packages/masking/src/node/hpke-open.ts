/** The receiver's side of HPKE; see hpke.ts. Nothing that only seals may import this. */

import { createDecipheriv } from "node:crypto";
import { type Bound, messageKey } from "./hpke.ts";

/** The plaintext, or null if it cannot be authenticated. `dh` is that of `enc` and the private key; it is zeroed. */
export function hpkeOpen(
  dh: Uint8Array,
  kemContext: { readonly enc: Uint8Array; readonly publicKey: Uint8Array },
  { info, aad }: Bound,
  ciphertext: Uint8Array,
): Uint8Array | null {
  const { key, nonce } = messageKey(dh, kemContext, info);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 })
    .setAAD(aad)
    .setAuthTag(ciphertext.subarray(-16));
  const plaintext = decipher.update(ciphertext.subarray(0, -16));
  try {
    decipher.final();
    return plaintext;
  } catch {
    plaintext.fill(0);
    return null;
  }
}
