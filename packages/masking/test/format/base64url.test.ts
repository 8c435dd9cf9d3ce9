import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBase64url, encodeBase64url } from "../../src/format/base64url.ts";

test("encodes as the platform does, and decodes what it encoded", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = encodeBase64url(bytes);
      expect(text).toBe(Buffer.from(bytes).toString("base64url"));
      expect(Array.from(decodeBase64url(text) ?? [])).toEqual(Array.from(bytes));
    }),
  );
});

test("decodes a text only if encoding gives it back", () => {
  const nearly = fc.string({
    unit: fc.constantFrom(...Array.from("AQgw05_-+/=\n é")),
    maxLength: 9,
  });
  fc.assert(
    fc.property(nearly, (text) => {
      const bytes = decodeBase64url(text);
      const canonical = Buffer.from(text, "base64url").toString("base64url") === text;
      expect(bytes !== null).toBe(canonical);
    }),
  );
});
