import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  allocateTransient,
  concat,
  lengthPrefixed,
  readLengthPrefixed,
  utf8,
  utf8Length,
  writeLengthPrefixedText,
} from "../../src/format/bytes.ts";
import { unicode } from "../unicode.ts";

const parts = fc.array(fc.uint8Array());

test("encodes text as the platform does", () => {
  fc.assert(
    fc.property(unicode(), (text) => {
      expect(Buffer.compare(utf8(text), Buffer.from(text, "utf8"))).toBe(0);
    }),
  );
});

test("writes a text as the part that its encoding is, and knows its length before", () => {
  fc.assert(
    fc.property(unicode(), (text) => {
      const into = new Uint8Array(utf8Length(text) + 4 + 3);
      expect(writeLengthPrefixedText(text, into, 3)).toBe(into.length);
      expect(Buffer.compare(into.subarray(3), lengthPrefixed(text))).toBe(0);
    }),
  );
});

test("writes four bytes of length, big-endian, before each part", () => {
  expect(Buffer.from(lengthPrefixed("ab", Uint8Array.of(), "é")).toString("hex")).toBe(
    "0000000261620000000000000002c3a9",
  );
});

test("reads back the parts it wrote, so that no two lists share an encoding", () => {
  fc.assert(
    fc.property(parts, (list) => {
      const read = readLengthPrefixed(lengthPrefixed(...list)) ?? [];
      expect(read.map((part) => Array.from(part))).toEqual(list.map((part) => Array.from(part)));
    }),
  );
});

test("reads nothing from bytes that end early", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), (part) => {
      const whole = lengthPrefixed(part);
      expect(readLengthPrefixed(whole.subarray(0, -1))).toBeNull();
      expect(readLengthPrefixed(whole.subarray(0, 3))).toBeNull();
    }),
  );
});

test("concatenates", () => {
  fc.assert(
    fc.property(parts, (list) => {
      expect(Buffer.compare(concat(...list), Buffer.concat(list))).toBe(0);
    }),
  );
});

test("hands out transient bytes that are zero and nobody else's", () => {
  const taken = Array.from({ length: 100 }, () => allocateTransient(300));
  for (const [index, bytes] of taken.entries()) {
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    bytes.fill(index + 1);
  }
  expect(taken.every((bytes, index) => bytes.every((byte) => byte === index + 1))).toBe(true);
});

test.each([Number.NaN, -1, 0.5, Infinity, 2 ** 53])(
  "refuses %d as a length, and hands out bytes as before",
  (length) => {
    expect(() => allocateTransient(length)).toThrow(RangeError);
    expect(allocateTransient(300)).toHaveLength(300);
  },
);
