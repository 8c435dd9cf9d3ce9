/** Telephone numbers in the international form of ITU-T E.164. */

import { utf8 } from "./bytes.ts";

/** `+`, then digits; a single space (ITU-T E.123), hyphen or dot may stand between two of them. */
const international = /^\+[1-9][0-9]*(?:[-. ][0-9]+)*$/;

/** With a separator between any two of 15 digits. */
const longestSpelling = 30;

/** `+` and 7 to 15 digits: 15 is E.164's limit (section 6.2), and no country's numbers have fewer than 7. */
const fewest = 8;
const most = 16;

/**
 * Country codes behind which a 0 is a digit too many: it is dialled at home alone, and no number
 * that is called from abroad begins with one. `+44 020…` is `+44 20…`; Italy's `+39 06…` is right.
 */
const trunkZero =
  /^\+(?:2(?:0|7|1[1-38]|3[1-4]|4[39]|5[124-6]|6[0-5]|91)|3(?:[1-3]|5[3589]|7[03-57]|8[0-35-79])|4(?:[013469]|2[13])|5(?:[134578]|08|9[013-68])|6(?:[0-46]|86)|8(?:[1246]|5[056]|80|86)|9(?:[0-58]|6[1-467]|7[0-267]|9[4-6]))0/;

/**
 * Reads an international number. National forms are refused, since they mean another number in each
 * country; so are parentheses, `(0)` above all, extensions, `00` or `011` for `+`, and other signs.
 */
export function parsePhone(text: string): Uint8Array | null {
  if (text.length > longestSpelling || !international.test(text)) return null;
  const number = text.replaceAll(/[-. ]/g, "");
  const isSound = number.length >= fewest && number.length <= most && !trunkZero.test(number);
  return isSound ? utf8(number) : null;
}
