import { createHmac } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openHmac } from "../../src/node/hmac.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");

// RFC 4231 section 4, test cases 1 to 4.
test.each([
  {
    key: "0b".repeat(20),
    data: hex(Buffer.from("Hi There")),
    sha256: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    sha512:
      "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
  },
  {
    key: hex(Buffer.from("Jefe")),
    data: hex(Buffer.from("what do ya want for nothing?")),
    sha256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    sha512:
      "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
  },
  {
    key: "aa".repeat(20),
    data: "dd".repeat(50),
    sha256: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    sha512:
      "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
  },
  {
    key: "0102030405060708090a0b0c0d0e0f10111213141516171819",
    data: "cd".repeat(50),
    sha256: "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    sha512:
      "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
  },
])("meets RFC 4231 with the key $key", ({ key, data, ...expected }) => {
  for (const algorithm of ["sha256", "sha512"] as const) {
    const digest = openHmac(algorithm, bytes(key)).digest([bytes(data)]);
    expect(hex(digest)).toBe(expected[algorithm]);
  }
});

describe.each(["sha256", "sha512"] as const)("%s", (algorithm) => {
  test("agrees with node's HMAC, whatever the lengths, one message after the other", () => {
    const message = fc.oneof(fc.uint8Array(), fc.uint8Array({ minLength: 900, maxLength: 1200 }));
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.array(fc.array(message, { maxLength: 3 }), { minLength: 1, maxLength: 5 }),
        (key, messages) => {
          const hmac = openHmac(algorithm, key);
          for (const parts of messages) {
            const expected = createHmac(algorithm, key).update(Buffer.concat(parts)).digest();
            expect(hex(hmac.digest(parts))).toBe(hex(expected));
            expect(hmac.digest(parts, "base64url")).toBe(expected.toString("base64url"));
          }
        },
      ),
    );
  });

  test("refuses a key that is longer than a block", () => {
    expect(() => openHmac(algorithm, new Uint8Array(129))).toThrow(RangeError);
  });

  test("forgets its key when it is wiped", () => {
    const hmac = openHmac(algorithm, bytes("0b".repeat(20)));
    hmac.wipe();
    const message = new Uint8Array(3);
    expect(hex(hmac.digest([message]))).not.toBe(
      createHmac(algorithm, bytes("0b".repeat(20)))
        .update(message)
        .digest("hex"),
    );
  });
});
