/** Tokens: their text `mk1.<kid>.<base64url of 32 bytes>`, and what they are made from. */

import { decodeBase64url } from "./base64url.ts";
import { appendLengthPrefixed, lengthPrefixed } from "./bytes.ts";
import { checkLabel } from "./labels.ts";
import { canonicalize, type NormId, normIds } from "./norms.ts";

declare const token: unique symbol;

/**
 * Text that stands in for personal data; only a `Tokenizer` makes one.
 *
 * `mk1.<kid>.<43 characters>`. Two tokens are comparable only if tenant, field, norm and kid are
 * the same; the kid shows when they are not.
 */
export type Token = string & { readonly [token]: true };

const shape = /^mk1\.([a-z0-9]{1,16})\.([A-Za-z0-9_-]{43})$/;

/**
 * The parts of a token, or null if the text is not one.
 *
 * Strict: one token has one spelling, so comparing texts compares tokens. This shows that the text
 * has a token's form, not that any key made it.
 *
 * @example
 * ```ts
 * import { parseToken } from "@org/masking";
 *
 * console.log(parseToken("mk1.t1." + "A".repeat(43))?.kid); // t1
 * console.log(parseToken("192.0.2.1")); // null
 * ```
 */
export function parseToken(
  text: string,
): { readonly kid: string; readonly mac: Uint8Array } | null {
  const [, kid, encoded] = shape.exec(text) ?? [];
  if (kid === undefined || encoded === undefined) return null;
  const mac = decodeBase64url(encoded);
  return mac && { kid, mac };
}

/**
 * Whether the text has a token's form; see {@link parseToken}.
 *
 * @example
 * ```ts
 * import { isToken } from "@org/masking";
 *
 * console.log(isToken("593-47-5928")); // false
 * ```
 */
export function isToken(text: string): text is Token {
  return parseToken(text) !== null;
}

/** HKDF info from which a field's key is derived. */
export function fieldKeyInfo(tenant: string, field: string, kid: string): Uint8Array {
  return lengthPrefixed("mk1/field", tenant, checkLabel("field", field), kid);
}

/** LP("mk1/token", norm), made once; pure, so that a bundle of `isToken` alone leaves it out. */
const inputStarts = /* @__PURE__ */ Object.fromEntries(
  /* @__PURE__ */ normIds.map((norm) => [norm, lengthPrefixed("mk1/token", norm)]),
) as Readonly<Record<NormId, Uint8Array>>;

/** What a token is the MAC of: LP("mk1/token", norm, canonical bytes), for a moment's use: zero it then. */
export function tokenInput(norm: NormId, value: string): Uint8Array {
  const canonical = canonicalize(norm, value);
  const input = appendLengthPrefixed(inputStarts[norm], canonical);
  canonical.fill(0);
  return input;
}

/** What stands before the MAC. */
export const tokenStart = (kid: string): string => `mk1.${kid}.`;
