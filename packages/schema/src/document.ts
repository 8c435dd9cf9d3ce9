/** From text to a JSON value that is bounded, unambiguous and storable. */
import type { BodyReason } from "./outcome.ts";

export const MAX_BYTES = 65_536;
const MAX_DEPTH = 32;
export const MAX_ENTRIES = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const OPEN_LIST = 0x5b;
const CLOSE_OBJECT = 0x7d;
const CLOSE_LIST = 0x5d;

/**
 * Reads one JSON document, or says why not. Never throws, and no message of `JSON.parse` (which
 * quotes its input) leaves this function.
 *
 * Size, nesting and the number of entries are bounded by one pass over the text, before a value
 * exists that could be walked.
 */
export function readDocument(
  text: string,
  parse: (text: string) => unknown = JSON.parse,
): { readonly value: unknown } | BodyReason {
  // The first test spares a huge body the counting: a UTF-16 unit is at least one byte.
  if (text.length > MAX_BYTES || Buffer.byteLength(text) > MAX_BYTES) return "body_too_large";
  if (!text.isWellFormed()) return "lone_surrogate";
  const keys = countKeysInText(text);
  if (typeof keys === "string") return keys;

  let value: unknown;
  try {
    value = parse(text);
  } catch {
    return "not_json";
  }

  // JSON.parse keeps the last of equal keys, so a repeated one is missing from the count,
  // however it was spelled ("ip", "\u0069p").
  if (countKeys(value) !== keys) return "duplicate_key";
  // The text is well-formed and JSON allows no raw NUL: only an escape can bring these in.
  const suspicious = text.includes("\\u") || text.includes("__proto__");
  const fault = suspicious ? findFault(value) : null;
  return fault ?? { value };
}

/**
 * Counts the object keys of a JSON text in one linear pass without building anything.
 *
 * What it counts is exact for valid JSON only; JSON.parse refuses the rest afterwards. Entries
 * are object members, list elements and empty containers: a container holds one more entry than
 * it has commas.
 */
function countKeysInText(text: string): number | "too_deep" | "too_many_keys" {
  let depth = 0;
  let entries = 0;
  let keys = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (inString) {
      if (unit === BACKSLASH) at++;
      else if (unit === QUOTE) inString = false;
    } else if (unit === QUOTE) {
      inString = true;
    } else if (unit === COLON) {
      keys++;
    } else if (unit === COMMA) {
      if (++entries > MAX_ENTRIES) return "too_many_keys";
    } else if (unit === OPEN_OBJECT || unit === OPEN_LIST) {
      if (++depth > MAX_DEPTH) return "too_deep";
      if (++entries > MAX_ENTRIES) return "too_many_keys";
    } else if (unit === CLOSE_OBJECT || unit === CLOSE_LIST) {
      depth--;
    }
  }
  return keys;
}

function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const children = Object.values(value);
  let keys = Array.isArray(value) ? 0 : children.length;
  for (const child of children) keys += countKeys(child);
  return keys;
}

/** Finds a key that is a trap, or text that Postgres cannot store or that would collide once encoded. */
function findFault(value: unknown): BodyReason | null {
  if (typeof value === "string") return findTextFault(value);
  if (typeof value !== "object" || value === null) return null;
  for (const [key, child] of Object.entries(value)) {
    if (key === "__proto__") return "forbidden_key";
    const fault = findTextFault(key) ?? findFault(child);
    if (fault !== null) return fault;
  }
  return null;
}

function findTextFault(text: string): BodyReason | null {
  if (text.includes("\0")) return "nul_character";
  // UTF-8 turns every lone surrogate into U+FFFD: different values would get one token.
  return text.isWellFormed() ? null : "lone_surrogate";
}
