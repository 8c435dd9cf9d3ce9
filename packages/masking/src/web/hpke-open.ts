/** The receiver's side of HPKE; see hpke.ts. */

import type { Bound } from "../format/hpke.ts";
import { messageCipher } from "./hpke.ts";

/** The plaintext, or null if it cannot be authenticated. `dh` is that of `enc` and the private key; it is zeroed. */
export async function hpkeOpen(
  dh: Uint8Array,
  kemContext: { readonly enc: Uint8Array; readonly publicKey: Uint8Array },
  bound: Bound,
  ciphertext: Uint8Array,
): Promise<Uint8Array | null> {
  const { key, parameters } = await messageCipher(dh, kemContext, bound);
  try {
    return new Uint8Array(await crypto.subtle.decrypt(parameters, key, ciphertext));
  } catch {
    return null;
  }
}
