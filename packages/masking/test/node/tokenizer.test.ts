import { createHmac, hkdfSync } from "node:crypto";
import * as fc from "fast-check";
import ipaddr from "ipaddr.js";
import { expect, test } from "vitest";
import { createTokenizer, isToken, MaskingError, parseToken } from "../../src/index.ts";
import { generateKeyring, resolveKeyring } from "../../src/keyring.ts";
import { unicode } from "../unicode.ts";
import { keysInStates, newKeys, noSources } from "../keys.ts";

const { keyring } = await newKeys();
const fields = { ip: "ip/1", last_ip: "ip/1", network: "ip-net/1", account: "exact/1" } as const;
const tokenizer = createTokenizer(keyring, { tenant: "acme", fields });

/** What an address means, according to a library of other authors. */
const meaning = (text: string): string => {
  const address = ipaddr.process(text);
  return `${address.kind()} ${address.toByteArray().join(".")}`;
};

/** Few enough addresses that equal ones meet, in several spellings. */
const address = fc
  .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 4 }))
  .map(
    ([host, spelling]) =>
      [
        `192.0.2.${host}`,
        `::ffff:192.0.2.${host}`,
        `0:0:0:0:0:FFFF:C000:020${host}`,
        `2001:db8::${host}`,
        `2001:0DB8:0:0:0:0:0:000${host}`,
      ][spelling] ?? "",
  );

test("equal addresses, and only they, have equal tokens", () => {
  const anyAddress = fc.oneof(address, fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(anyAddress, anyAddress, (one, other) => {
      // ipaddr.js takes the deprecated ::a.b.c.d for IPv4-mapped, which it is not.
      fc.pre(!/^::[0-9.]+$/.test(one) && !/^::[0-9.]+$/.test(other));
      const equalTokens = tokenizer.tokenize("ip", one) === tokenizer.tokenize("ip", other);
      expect(equalTokens).toBe(meaning(one) === meaning(other));
    }),
    { numRuns: 2000 },
  );
});

test("one value has unrelated tokens in different fields, tenants and norms, and under different keys", async () => {
  const { keyring: otherKeyring } = await newKeys();
  const elsewhere = createTokenizer(keyring, { tenant: "other", fields });
  const otherNorm = createTokenizer(keyring, { tenant: "acme", fields: { ip: "exact/1" } });
  const otherKey = createTokenizer(otherKeyring, { tenant: "acme", fields });
  fc.assert(
    fc.property(fc.ipV4(), (value) => {
      const tokens = [
        tokenizer.tokenize("ip", value),
        tokenizer.tokenize("last_ip", value),
        tokenizer.tokenize("network", value),
        tokenizer.tokenize("account", value),
        elsewhere.tokenize("ip", value),
        otherNorm.tokenize("ip", value),
        otherKey.tokenize("ip", value),
      ];
      expect(new Set(tokens).size).toBe(tokens.length);
    }),
  );
});

/** LP(…), written out by hand. */
const lp = (...parts: string[]): Buffer =>
  Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(part));
      return [length, Buffer.from(part)];
    }),
  );

test("a token is the MAC that docs/formats.md spells out", async () => {
  const json = generateKeyring({ tokenKid: "k7" }).keyring;
  const root = Buffer.from(json.token_keys[0]?.key ?? "", "base64url");
  const fieldKey = Buffer.from(
    hkdfSync("sha256", root, "", lp("mk1/field", "acme", "account", "k7"), 32),
  );
  const mac = createHmac("sha256", fieldKey).update(lp("mk1/token", "exact/1", "593-47-5928"));

  const own = createTokenizer(await resolveKeyring(json, noSources), { tenant: "acme", fields });
  expect(own.tokenize("account", "593-47-5928")).toBe(`mk1.k7.${mac.digest("base64url")}`);
});

test("a token is text of one form, which parses", () => {
  fc.assert(
    fc.property(unicode({ minLength: 1 }), (value) => {
      const token = tokenizer.tokenize("account", value);
      expect(isToken(token)).toBe(true);
      expect(parseToken(token)?.kid).toBe(tokenizer.primaryKid);
      expect(parseToken(token)?.mac).toHaveLength(32);
    }),
  );
});

test("new tokens are made by the primary key; candidates by every key that is not disabled", async () => {
  const keys = await keysInStates({
    tokenKeys: ["pending", "match_only", "primary", "disabled"],
  });
  const own = createTokenizer(keys.keyring, { tenant: "acme", fields });
  expect(own.primaryKid).toBe("primary");
  const candidates = own.candidates("ip", "192.0.2.1");
  expect(candidates.map((token) => parseToken(token)?.kid)).toEqual([
    "primary",
    "pending",
    "matchonly",
  ]);
  expect(candidates[0]).toBe(own.tokenize("ip", "192.0.2.1"));
});

test("rows written before, during and after a rotation are matched by candidates", async () => {
  const rotating = generateKeyring({ tokenKid: "old" }).keyring;
  const [oldKey] = rotating.token_keys;
  const [newKey] = generateKeyring({ tokenKid: "new" }).keyring.token_keys;
  const withStates = async (oldState: string, newState: string) =>
    createTokenizer(
      await resolveKeyring(
        {
          ...rotating,
          token_keys: [
            { ...oldKey, state: oldState },
            { ...newKey, state: newState },
          ],
        },
        noSources,
      ),
      { tenant: "acme", fields },
    );
  const announced = await withStates("primary", "pending");
  const promoted = await withStates("match_only", "primary");
  const written = [announced, promoted].map((one) => one.tokenize("ip", "192.0.2.1"));
  expect(new Set(written).size).toBe(2);
  for (const reader of [announced, promoted]) {
    expect(reader.candidates("ip", "::ffff:192.0.2.1")).toEqual(expect.arrayContaining(written));
  }
});

test("refuses a keyring without a primary token key", () => {
  expect(() => createTokenizer({ tokenKeys: [] }, { tenant: "acme", fields })).toThrow(
    expect.objectContaining({ code: "ERR_MASKING_KEY_UNKNOWN" }),
  );
});

type TokenizerOptions = Parameters<typeof createTokenizer<string>>[1];

test.each<[string, TokenizerOptions]>([
  ["a tenant that is no label", { tenant: "a b", fields }],
  ["a field that is no label", { tenant: "acme", fields: { "": "ip/1" } }],
  ["a norm that does not exist", { tenant: "acme", fields: { ip: "ip/0" as "ip/1" } }],
])("refuses %s", (_, options) => {
  expect(() => createTokenizer(keyring, options)).toThrow(MaskingError);
});

test("refuses a field that it was not made for", () => {
  expect(() => tokenizer.tokenize("user_id" as "ip", "192.0.2.1")).toThrow(
    expect.objectContaining({ code: "ERR_MASKING_INPUT_INVALID" }),
  );
});
