import { expect, test } from "vitest";
import { printable, printableJson } from "../src/printable.ts";

test.each([
  ["turns it around", "\u202E", "\\u202e"],
  ["ends its line", "\u2028", "\\u2028"],
  ["cannot be seen", "\u3164", "\\u3164"],
  ["chooses another look", "\uFE0F", "\\ufe0f"],
  ["is a tag without a look", "\u{E0041}", "\\udb40\\udc41"],
])("a character that %s is told by its number", (_, character, told) => {
  expect(printable(`a${character}b`)).toBe(`a${told}b`);
  expect(JSON.parse(printableJson(character))).toBe(character);
});

test("marks are not piled over the lines above", () => {
  const piled = `a${"\u0301".repeat(100)}`;
  expect(printable(piled)).toBe(`a${"\u0301".repeat(4)}${"\\u0301".repeat(96)}`);
  expect(JSON.parse(printableJson(piled))).toBe(piled);
});

test("what people write stays as it is", () => {
  for (const text of ["Zoë", "e\u0301a", "ภาษาไทย", "שָׁלוֹם", "हिन्दी", "🦊"]) {
    expect(printable(text)).toBe(text);
  }
});
