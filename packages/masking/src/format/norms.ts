/** Norms: how the spellings of one value become one byte string before it is masked. */

import { MaskingError } from "../errors.ts";
import { utf8 } from "./bytes.ts";
import { parseEmail } from "./email.ts";
import { networkOf, parseIp } from "./ip.ts";
import { isLowerCaseUuid, uuidBytes } from "./labels.ts";
import { parsePhone } from "./phone.ts";

const separatedDigits = /^[0-9]+(?:[-. ][0-9]+)*$/;

/**
 * How a value is normalised before it is masked. The id is part of the token's input, so tokens
 * under two norms never compare equal.
 *
 * - `ip/1`: an IP address as 16 bytes, IPv4 as `::ffff:a.b.c.d`. Leading zeros, ports, zone ids,
 *   brackets and shorthand are refused, not guessed.
 * - `ip-net/1`: the network of an IP address: /24 for IPv4, /64 for IPv6.
 * - `exact/1`: the UTF-8 bytes of any well-formed text that is not empty.
 * - `digits/1`: 1 to 128 characters: ASCII digits, and single `-`, `.` or space between digits,
 *   which do not count.
 * - `uuid/1`: a UUID in 8-4-4-4-12 form, in either case, as 16 bytes.
 * - `email/1`: an e-mail address of ASCII, in lower case. Dots and tags in its local part count;
 *   quotes, comments and hosts without a domain are refused.
 * - `phone/1`: a telephone number in international form (ITU-T E.164), as `+` and its digits;
 *   single `-`, `.` or space between digits do not count. National forms, `(0)` and extensions are
 *   refused.
 */
export type NormId =
  | "digits/1"
  | "email/1"
  | "exact/1"
  | "ip-net/1"
  | "ip/1"
  | "phone/1"
  | "uuid/1";

/** Null is a refusal. What stands under an id here never changes: a change is a new id. */
const norms: Readonly<Record<NormId, (value: string) => Uint8Array | null>> = {
  "ip/1": parseIp,
  "ip-net/1": (value) => {
    const address = parseIp(value);
    return address && networkOf(address);
  },
  "exact/1": (value) => (value !== "" && value.isWellFormed() ? utf8(value) : null),
  "digits/1": (value) =>
    value.length <= 128 && separatedDigits.test(value)
      ? utf8(value.replaceAll(/[-. ]/g, ""))
      : null,
  "uuid/1": (value) => {
    const uuid = value.toLowerCase();
    return isLowerCaseUuid(uuid) ? uuidBytes(uuid) : null;
  },
  "email/1": parseEmail,
  "phone/1": parsePhone,
};

/**
 * Every norm id.
 *
 * @example
 * ```ts
 * import { normIds } from "@org/masking";
 *
 * console.log(normIds.join(" ")); // ip/1 ip-net/1 exact/1 digits/1 uuid/1 email/1 phone/1
 * ```
 */
export const normIds = Object.keys(norms) as readonly NormId[];

export function checkNormId(text: string): NormId {
  if (Object.hasOwn(norms, text)) return text as NormId;
  throw new MaskingError("ERR_MASKING_INPUT_INVALID", "No norm has this id.");
}

/**
 * Turns a value into the bytes that are masked: equal for every spelling of one value.
 *
 * The bytes are the value itself, not a token: treat them as personal data.
 *
 * @throws {@link MaskingError} `ERR_MASKING_INPUT_INVALID` if the norm refuses the value, or no norm
 *   has this id. The error does not hold the value.
 *
 * @example
 * ```ts
 * import { canonicalize } from "@org/masking";
 *
 * const short = canonicalize("ip/1", "2001:db8::1");
 * const long = canonicalize("ip/1", "2001:0DB8:0:0:0:0:0:1");
 * console.log(Buffer.compare(short, long)); // 0
 * ```
 */
export function canonicalize(norm: NormId, value: string): Uint8Array {
  const bytes = norms[checkNormId(norm)](value);
  if (bytes === null) {
    throw new MaskingError("ERR_MASKING_INPUT_INVALID", `The value is not one that ${norm} takes.`);
  }
  return bytes;
}

/**
 * Whether {@link canonicalize}, and so a tokenizer, takes the value.
 *
 * @throws {@link MaskingError} `ERR_MASKING_INPUT_INVALID` if no norm has this id.
 *
 * @example
 * ```ts
 * import { isCanonicalizable } from "@org/masking";
 *
 * console.log(isCanonicalizable("ip/1", "192.0.2.1")); // true
 * console.log(isCanonicalizable("ip/1", "192.0.2.1:443")); // false
 * ```
 */
export function isCanonicalizable(norm: NormId, value: string): boolean {
  const bytes = norms[checkNormId(norm)](value);
  bytes?.fill(0);
  return bytes !== null;
}
