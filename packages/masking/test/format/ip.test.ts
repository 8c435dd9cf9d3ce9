import { isIP } from "node:net";
import * as fc from "fast-check";
import ipaddr from "ipaddr.js";
import { expect, test } from "vitest";
import { networkOf, parseIp } from "../../src/format/ip.ts";

/** The 16 bytes according to a library of other authors. */
function referenceBytes(text: string): number[] {
  const address = ipaddr.parse(text);
  return address instanceof ipaddr.IPv4
    ? address.toIPv4MappedAddress().toByteArray()
    : address.toByteArray();
}

/** ipaddr.js takes the deprecated `::a.b.c.d` for IPv4-mapped; it is an address of its own (RFC 4291 section 2.5.5.1). */
const isIpv4Compatible = (text: string): boolean => /^::[0-9.]+$/.test(text);

const hex = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString("hex");

const net = (text: string): string => hex(networkOf(parseIp(text) ?? new Uint8Array(16)));

const group = fc.integer({ min: 0, max: 0xffff });

/** Every way to write one group: as short as can be, or with leading zeros, in either case. */
const spelledGroup = (value: number): fc.Arbitrary<string> =>
  fc.tuple(fc.integer({ min: 1, max: 4 }), fc.boolean()).map(([width, upper]) => {
    const text = value.toString(16).padStart(width, "0");
    return upper ? text.toUpperCase() : text;
  });

/** An IPv6 address and a spelling of it, with `::` for a run of zeros or not, and an IPv4 tail or not. */
const spelledIpv6 = fc
  .tuple(
    fc.array(fc.oneof(fc.constant(0), group), { minLength: 8, maxLength: 8 }),
    fc.nat(),
    fc.boolean(),
    fc.boolean(),
  )
  .chain(([groups, at, shortens, dotted]) =>
    fc.tuple(...groups.map(spelledGroup)).map((texts) => {
      const [seventh = 0, eighth = 0] = groups.slice(6);
      const tail = [seventh >> 8, seventh & 255, eighth >> 8, eighth & 255].join(".");
      const spelled: string[] = dotted ? [...texts.slice(0, 6), tail] : [...texts];
      const zeros = groups.slice(0, 6).flatMap((value, index) => (value === 0 ? [index] : []));
      const gap = zeros[at % Math.max(zeros.length, 1)];
      if (!shortens || gap === undefined) return { groups, text: spelled.join(":") };
      const before = spelled.slice(0, gap).join(":");
      const after = spelled.slice(gap + 1).join(":");
      return { groups, text: `${before}::${after}` };
    }),
  );

test("gives every spelling of an IPv6 address the bytes of its groups", () => {
  fc.assert(
    fc.property(spelledIpv6, ({ groups, text }) => {
      const expected = groups.flatMap((value) => [value >> 8, value & 0xff]);
      expect(hex(parseIp(text))).toBe(hex(Uint8Array.from(expected)));
    }),
    { numRuns: 2000 },
  );
});

test("agrees with ipaddr.js on the bytes", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      fc.pre(!isIpv4Compatible(text));
      expect(hex(parseIp(text))).toBe(hex(Uint8Array.from(referenceBytes(text))));
    }),
    { numRuns: 2000 },
  );
});

test("folds an IPv4-mapped address into its IPv4 address", () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      const mapped = new ipaddr.IPv6(referenceBytes(text)).toString();
      expect(hex(parseIp(mapped))).toBe(hex(parseIp(text)));
      expect(hex(parseIp(`::FFFF:${text}`))).toBe(hex(parseIp(text)));
    }),
  );
});

test("accepts what node:net accepts, but for zone ids", () => {
  const pieces = [
    "0",
    "1",
    "01",
    "255",
    "256",
    ".",
    ".",
    ":",
    "::",
    "ffff",
    "F",
    "g",
    "%1",
    "/",
    " ",
  ];
  const nearly = fc
    .array(fc.constantFrom(...pieces), { maxLength: 16 })
    .map((list) => list.join(""));
  fc.assert(
    fc.property(fc.oneof(nearly, fc.string(), fc.ipV4Extended()), (text) => {
      const expected = isIP(text) !== 0 && !text.includes("%");
      expect(parseIp(text) !== null).toBe(expected);
    }),
    { numRuns: 20_000 },
  );
});

test("two addresses of one network share it, and of two networks do not", () => {
  expect(net("192.0.2.1")).toBe(net("192.0.2.255"));
  expect(net("192.0.2.1")).not.toBe(net("192.0.3.1"));
  expect(net("2001:db8:1:2::1")).toBe(net("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  expect(net("2001:db8:1:2::1")).not.toBe(net("2001:db8:1:3::1"));
  expect(net("::1")).not.toBe(net("0.0.0.1"));
});
