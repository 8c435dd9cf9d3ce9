import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBase64url } from "../../src/format/base64url.ts";

test("decodes what was encoded", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = Buffer.from(bytes).toString("base64url");
      expect(Array.from(decodeBase64url(text) ?? [])).toEqual(Array.from(bytes));
    }),
  );
});

/** RFC 4648 section 5, and the letters whose unused bits, two or four of them, are zero (section 3.5). */
const strict = /^(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?$/;

test("decodes no other text than the one that stands for the bytes", () => {
  const nearly = fc.string({
    unit: fc.constantFrom(...Array.from("AQgw05_-+/=\n é")),
    maxLength: 9,
  });
  fc.assert(
    fc.property(nearly, (text) => {
      expect(decodeBase64url(text) !== null).toBe(strict.test(text));
    }),
    { numRuns: 1000 },
  );
});
