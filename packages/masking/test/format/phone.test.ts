import parseNumber, {
  type CountryCode,
  getCountries,
  getExampleNumber,
} from "libphonenumber-js/max";
import examples from "libphonenumber-js/mobile/examples";
import { describe, expect, test } from "vitest";
import { parsePhone } from "../../src/format/phone.ts";

const read = (text: string): string => Buffer.from(parsePhone(text) ?? []).toString();

/** Spellings of a mobile number, according to a library of other authors. */
function exampleOf(country: CountryCode) {
  const number = getExampleNumber(country, examples);
  if (!number) throw new Error("no example");
  const { number: e164, countryCallingCode, nationalNumber } = number;
  return {
    e164,
    international: number.formatInternational(),
    hyphenated: number.format("RFC3966").replace("tel:", ""),
    withTrunkZero: `+${countryCallingCode}0${nationalNumber}`,
  };
}

describe.each(getCountries())("a number of %s", (country) => {
  const { e164, international, hyphenated, withTrunkZero } = exampleOf(country);

  test("is one however its digits are separated", () => {
    for (const text of [e164, international, hyphenated]) expect(read(text)).toBe(e164);
  });

  // Rwanda has fixed lines that begin with 06.
  test.skipIf(country === "RW")("is not taken with the zero that is dialled at home", () => {
    const isOneTooMany = parseNumber(withTrunkZero)?.number === e164;
    expect(isOneTooMany && parsePhone(withTrunkZero) !== null).toBe(false);
  });
});

test.each(["CI", "IT", "SM"] as const)("a zero that %s's numbers begin with is kept", (country) => {
  const { withTrunkZero } = exampleOf(country);
  expect(read(withTrunkZero)).toBe(withTrunkZero);
});
