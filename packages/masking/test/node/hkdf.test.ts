import { createSecretKey, hkdfSync } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { expand, extract } from "../../src/node/hkdf.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");
const range = (from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from + 1 }, (_, at) => from + at);

// RFC 4231 section 4, HMAC-SHA-256: extract is HMAC with the salt as its key.
test.each([
  [
    "0b".repeat(20),
    hex(Buffer.from("Hi There")),
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  ],
  [
    hex(Buffer.from("Jefe")),
    hex(Buffer.from("what do ya want for nothing?")),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  [
    "aa".repeat(20),
    "dd".repeat(50),
    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
  ],
  [
    hex(range(1, 25)),
    "cd".repeat(50),
    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
  ],
  [
    "aa".repeat(131),
    hex(Buffer.from("Test Using Larger Than Block-Size Key - Hash Key First")),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
  [
    "aa".repeat(131),
    hex(
      Buffer.from(
        "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
      ),
    ),
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
  ],
])("meets RFC 4231 with the key %s", (key, data, mac) => {
  expect(hex(extract(bytes(key), bytes(data)))).toBe(mac);
});

// RFC 5869 appendix A, SHA-256.
test.each([
  {
    name: "A.1",
    ikm: "0b".repeat(22),
    salt: hex(range(0x00, 0x0c)),
    info: hex(range(0xf0, 0xf9)),
    prk: "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
    okm: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  },
  {
    name: "A.2",
    ikm: hex(range(0x00, 0x4f)),
    salt: hex(range(0x60, 0xaf)),
    info: hex(range(0xb0, 0xff)),
    prk: "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
    okm: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
  },
  {
    name: "A.3",
    ikm: "0b".repeat(22),
    salt: "",
    info: "",
    prk: "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
    okm: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  },
])("meets RFC 5869 $name", ({ ikm, salt, info, prk, okm }) => {
  expect(hex(extract(bytes(salt), bytes(ikm)))).toBe(prk);
  expect(hex(expand(bytes(prk), bytes(info), okm.length / 2))).toBe(okm);
});

test("agrees with node's HKDF at every length", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1 }),
      fc.uint8Array(),
      fc.uint8Array(),
      fc.integer({ min: 1, max: 200 }),
      (ikm, salt, info, length) => {
        const expected = hex(new Uint8Array(hkdfSync("sha256", ikm, salt, info, length)));
        const prk = createSecretKey(extract(salt, ikm));
        expect(hex(expand(prk, info, length))).toBe(expected);
      },
    ),
  );
});
