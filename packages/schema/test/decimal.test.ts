import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { MAX_DIGITS, readDecimal } from "../src/decimal.ts";

describe("readDecimal", () => {
  it("moves the point and changes no digit, wherever the exponent puts it", () => {
    const digits = fc.stringMatching(/^(0|[1-9]\d{0,12})$/);
    const fraction = fc.stringMatching(/^\d{0,12}$/);
    fc.assert(
      fc.property(digits, fraction, fc.integer({ min: -30, max: 30 }), (whole, part, power) => {
        const decimal = readDecimal(`-${whole}${part && `.${part}`}e${power}`);
        // Of a naive reckoning in units of 10^-60: no number here has more places.
        const units = BigInt(whole + part) * 10n ** BigInt(60 - part.length + power);
        const read = BigInt((decimal?.whole ?? "") + (decimal?.fraction ?? "").padEnd(60, "0"));
        expect(read).toBe(units);
        expect(decimal?.sign).toBe(units === 0n ? "" : "-");
        expect(decimal?.whole).toMatch(/^(0|[1-9]\d*)$/);
      }),
    );
  });

  it.each(["", "+1", "01", "1.", ".5", "1e", "--1", "0x1", "1_0", " 1", "1\n", "NaN", "\u0661"])(
    "refuses %j",
    (text) => {
      expect(readDecimal(text)).toBeNull();
    },
  );

  it("bounds what an exponent makes of a short text", () => {
    expect(readDecimal(`1e${MAX_DIGITS - 1}`)?.whole).toHaveLength(MAX_DIGITS);
    expect(readDecimal(`1e-${MAX_DIGITS}`)?.fraction).toHaveLength(MAX_DIGITS);
    for (const power of [MAX_DIGITS, -MAX_DIGITS - 1, 999_999_999, "9".repeat(400)]) {
      expect(readDecimal(`1e${power}`)).toBeNull();
    }
  });
});
