/** E-mail addresses: one spelling for each mailbox, as far as that can be said without asking its host. */

import { utf8 } from "./bytes.ts";

/** A path is 256 octets with its brackets (RFC 5321 section 4.5.3.1.3). */
const longestAddress = 254;

/** A `Dot-string` (RFC 5321 section 4.1.2) of up to 64 octets (section 4.5.3.1.1), `@`, and the rest. */
const mailbox = /^(?=[^@]{1,64}@)[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*@/;

/** Two labels or more of up to 63 octets (RFC 1035 section 2.3.4), the last not a number (RFC 3696 section 2). */
const domain =
  /^[^@]+@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?![0-9]+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/**
 * Reads an address as lower case. RFC 5321 lets a host tell `Ann` from `ann`, but hardly one does,
 * and a person who is spelled in two ways must not be missed when she is looked up or erased.
 *
 * Dots and `+tag` count, since what they mean is each host's own. Quoted local parts, comments,
 * white space, address literals, hosts of one label and anything but ASCII are refused: an
 * internationalised domain is taken in its ASCII form (`xn--…`), which no table of Unicode changes.
 */
export function parseEmail(text: string): Uint8Array | null {
  const isAddress = text.length <= longestAddress && mailbox.test(text) && domain.test(text);
  return isAddress ? utf8(text.toLowerCase()) : null;
}
