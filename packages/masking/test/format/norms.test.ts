import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  canonicalize,
  isCanonicalizable,
  MaskingError,
  type NormId,
  normIds,
} from "../../src/index.ts";
import { unicode } from "../unicode.ts";

test("says of a value whether canonicalize takes it", () => {
  const values = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.uuid(),
    fc.stringMatching(/^[+0-9. -]*$/),
    fc.emailAddress(),
    unicode(),
  );
  fc.assert(
    fc.property(fc.constantFrom(...normIds), values, (norm, value) => {
      let taken = true;
      try {
        canonicalize(norm, value);
      } catch {
        taken = false;
      }
      expect(isCanonicalizable(norm, value)).toBe(taken);
    }),
  );
});

test("refuses without repeating the value", () => {
  for (const norm of normIds) {
    const secret = `203.0.113.77 secret \ud800`;
    const error = refusalOf(() => canonicalize(norm, secret));
    expect(error.code).toBe("ERR_MASKING_INPUT_INVALID");
    expect(JSON.stringify([error.message, error.stack, error.cause])).not.toMatch(
      /203\.0\.113|secret /,
    );
  }
});

test.each(["ip/2", "constructor", "toString", "__proto__", ""])("knows no norm %j", (id) => {
  for (const call of [canonicalize, isCanonicalizable]) {
    const error = refusalOf(() => call(id as NormId, "192.0.2.1"));
    expect(error.code).toBe("ERR_MASKING_INPUT_INVALID");
  }
});

test("reads the digits of a device id however they are separated", () => {
  const spelled = ["593-47-5928", "593475928", "593 47 5928", "593.47.5928"];
  const bytes = spelled.map((value) => Buffer.from(canonicalize("digits/1", value)).toString());
  expect(new Set(bytes)).toEqual(new Set(["593475928"]));
});

test("reads an address in any case as one, and another address as another", () => {
  // fast-check makes what RFC 5322 takes: quoted local parts, too, which no norm can read for sure.
  fc.assert(
    fc.property(fc.emailAddress(), fc.emailAddress(), (one, other) => {
      fc.pre(isCanonicalizable("email/1", one) && isCanonicalizable("email/1", other));
      const [bytes, shouted, others] = [one, one.toUpperCase(), other].map((value) =>
        Buffer.from(canonicalize("email/1", value)).toString(),
      );
      expect(shouted).toBe(bytes);
      expect(others === bytes).toBe(one.toLowerCase() === other.toLowerCase());
    }),
  );
});

function refusalOf(call: () => unknown): MaskingError {
  try {
    call();
  } catch (error) {
    if (error instanceof MaskingError) return error;
  }
  throw new Error("was not refused");
}
