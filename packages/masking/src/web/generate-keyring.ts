/** New keyrings. */

import { encodeBase64url } from "../format/base64url.ts";
import { type KeyringJson, newKeyring, type PrivateKeyringJson } from "../format/keyring.ts";
import { p256 } from "./web-key.ts";

/**
 * Makes a keyring with one new token key and one new recipient, both primary, and apart from it
 * the recipient's private half. The keys are inline: fit for development.
 *
 * @param options.tokenKid - Default `t1`.
 * @param options.recipientKid - Default `r1`.
 *
 * @example
 * ```ts
 * import { generateKeyring } from "@org/masking/web";
 *
 * const { keyring, privateKeyring } = await generateKeyring();
 * console.log(keyring.recipients[0]?.public_key === privateKeyring.recipients[0]?.public_key); // true
 * ```
 */
export async function generateKeyring(
  options: { readonly tokenKid?: string; readonly recipientKid?: string } = {},
): Promise<{ keyring: KeyringJson; privateKeyring: PrivateKeyringJson }> {
  const pair = await crypto.subtle.generateKey(p256, true, ["deriveBits"]);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  // Base64url of 32 bytes, leading zeros kept (RFC 7518 section 6.2.2.1).
  const { d = "" } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  return newKeyring(options, {
    tokenKey: encodeBase64url(crypto.getRandomValues(new Uint8Array(32))),
    publicKey: encodeBase64url(publicKey),
    privateKey: d,
  });
}
