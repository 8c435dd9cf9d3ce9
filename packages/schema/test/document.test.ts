import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { readDocument } from "../src/document.ts";
import { digitsOf, JsonNumber, parseKeepingDigits } from "../src/json-number.ts";

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const members = (count: number): string =>
  `{${Array.from({ length: count }, (_, at) => `"k${at}":${at}`).join()}}`;

const readDigits = (text: string): unknown => readDocument(text, parseKeepingDigits);

/** A value as JSON text may spell it: an object is a list of members, so keys can repeat. */
type Spelled =
  | { readonly kind: "scalar"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly Spelled[] }
  | { readonly kind: "object"; readonly members: readonly Member[] };

interface Member {
  readonly key: string;
  readonly escaped: boolean;
  readonly value: Spelled;
}

function print(value: Spelled): string {
  if (value.kind === "scalar") return value.text;
  if (value.kind === "list") return ` [ ${value.items.map(print).join(" , ")} ] `;
  const members = value.members.map((member) => `${printKey(member)}: ${print(member.value)}`);
  return `{${members.join()}}`;
}

function printKey({ key, escaped }: Member): string {
  if (!escaped) return JSON.stringify(key);
  const units = Array.from({ length: key.length }, (_, at) => key.charCodeAt(at));
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("")}"`;
}

/** The naive reference: it knows the members as they were written, so it need not parse. */
function repeatsKey(value: Spelled): boolean {
  if (value.kind === "scalar") return false;
  if (value.kind === "list") return value.items.some(repeatsKey);
  const keys = new Set(value.members.map(({ key }) => key));
  return keys.size < value.members.length || value.members.some((at) => repeatsKey(at.value));
}

const { spelled } = fc.letrec<{ spelled: Spelled; member: Member }>((tie) => ({
  spelled: fc.oneof(
    { maxDepth: 4 },
    fc.record({
      kind: fc.constant("scalar" as const),
      text: fc.constantFrom("1", "null", '"a:b,{\\"["', '"\\\\"', '""', '"}"'),
    }),
    fc.record({
      kind: fc.constant("list" as const),
      items: fc.array(tie("spelled"), { maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constant("object" as const),
      members: fc.array(tie("member"), { maxLength: 3 }),
    }),
  ),
  member: fc.record({
    key: fc.constantFrom("a", "b", "", "0", "1", 'q"\\', "a:,{[", "é", "toString"),
    escaped: fc.boolean(),
    value: tie("spelled"),
  }),
}));

function parseNaively(text: string): unknown {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return "not_json";
  }
}

describe("readDocument", () => {
  it("takes 64 KiB and refuses a byte more", () => {
    expect(readDocument(`"${"a".repeat(65_534)}"`)).toHaveProperty("value");
    expect(readDocument(`"${"a".repeat(65_535)}"`)).toBe("body_too_large");
  });

  it("measures size in UTF-8 bytes", () => {
    expect(readDocument(`"${"é".repeat(32_767)}"`)).toHaveProperty("value");
    expect(readDocument(`"${"é".repeat(32_768)}"`)).toBe("body_too_large");
  });

  it("takes 32 levels and refuses one more", () => {
    expect(readDocument(nested(32))).toHaveProperty("value");
    expect(readDocument(nested(33))).toBe("too_deep");
  });

  it("takes 64 members and refuses one more, at whatever level", () => {
    expect(readDocument(members(64))).toHaveProperty("value");
    expect(readDocument(members(65))).toBe("too_many_keys");
    expect(readDocument(`{"a":${members(63)}}`)).toHaveProperty("value");
    expect(readDocument(`{"a":${members(64)}}`)).toBe("too_many_keys");
  });

  it("counts a list element and an empty container as a member", () => {
    expect(readDocument(JSON.stringify(Array(64).fill(1)))).toHaveProperty("value");
    expect(readDocument(JSON.stringify(Array(65).fill(1)))).toBe("too_many_keys");
    expect(readDocument(JSON.stringify(Array.from({ length: 33 }, () => ({}))))).toBe(
      "too_many_keys",
    );
  });

  it("counts no punctuation inside texts", () => {
    const value = { [`":,{[`]: `${"{[,:".repeat(100)}\\"` };
    expect(readDocument(JSON.stringify(value))).toEqual({ value });
  });

  it("finds a repeated key however it is spelled, and only a repeated key", () => {
    fc.assert(
      fc.property(spelled, (value) => {
        const text = print(value);
        const read = readDocument(text);
        fc.pre(read !== "too_many_keys");
        expect(read).toEqual(repeatsKey(value) ? "duplicate_key" : { value: JSON.parse(text) });
      }),
      { numRuns: 2_000 },
    );
  });

  it("reads a text as JSON.parse does, unless it names another fault", () => {
    const text = fc.oneof(fc.json({ maxDepth: 3 }), fc.string({ unit: "binary" }));
    fc.assert(
      fc.property(text, (text) => {
        const read = readDocument(text);
        fc.pre(typeof read !== "string" || read === "not_json");
        expect(read).toEqual(parseNaively(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    [String.raw`["a\u0000"]`, "nul_character"],
    [String.raw`{"a\u0000":1}`, "nul_character"],
    [String.raw`{"a":[{"\udc00":1}]}`, "lone_surrogate"],
    [String.raw`"\udc00\ud800"`, "lone_surrogate"],
    ['"\ud800"', "lone_surrogate"],
    ['{"a":{"__proto__":1}}', "forbidden_key"],
    [String.raw`{"\u005f\u005fproto__":1}`, "forbidden_key"],
  ])("refuses %j", (text, reason) => {
    expect(readDocument(text)).toBe(reason);
  });

  it.each([
    [String.raw`"\ud83d\ude00"`, "\u{1f600}"],
    [String.raw`"\\u0000"`, String.raw`\u0000`],
    ['"__proto__"', "__proto__"],
  ])("takes %j", (text, value) => {
    expect(readDocument(text)).toEqual({ value });
  });
});

describe("readDocument, keeping digits", () => {
  it.each(["12.50", "1e2", "-0", "0.10", "12345678901234567890", "1E400"])("keeps %s", (digits) => {
    const { value } = readDigits(`{"a":[${digits}]}`) as { value: { a: [unknown] } };
    expect(value.a[0]).toBeInstanceOf(JsonNumber);
    expect(digitsOf(value.a[0])).toBe(digits);
  });

  it("reads every other value as JSON.parse does", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), (text) => {
        fc.pre(!/-0(?![.\d])/.test(text));
        expect(readDigits(text)).toEqual(readDocument(text));
      }),
    );
  });

  it("holds a document to the same bounds", () => {
    expect(readDigits(nested(33))).toBe("too_deep");
    expect(readDigits('{"a":1.50,"a":1.50}')).toBe("duplicate_key");
    expect(readDigits('{"__proto__":1.50}')).toBe("forbidden_key");
  });
});
