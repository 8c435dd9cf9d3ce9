/** What is inside a sealed record: fields or bytes, padded so that the length says nothing. */

import { MaskingError } from "../errors.ts";
import { allocateTransient, lengthPrefixed, readLengthPrefixed } from "./bytes.ts";
import { checkLabel } from "./labels.ts";

/** What a record holds. */
export type Content =
  | { readonly kind: "fields"; readonly fields: Readonly<Record<string, string>> }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

const kindByte = { fields: 1, bytes: 2 } as const;
const padMark = 0x80;
const smallestPlaintext = 128;

/**
 * Transient bytes: kind, content, 0x80, zeros up to the next power of two, at least 128: a login with an IPv6
 * address is as long as one with IPv4.
 */
export function encodeContent(content: Content): Uint8Array {
  const body = content.kind === "fields" ? encodeFields(content.fields) : checkBytes(content.bytes);
  const length = Math.max(smallestPlaintext, 2 ** Math.ceil(Math.log2(body.length + 2)));
  const plaintext = allocateTransient(length);
  plaintext[0] = kindByte[content.kind];
  plaintext.set(body, 1);
  plaintext[1 + body.length] = padMark;
  return plaintext;
}

/** A Uint8Array of another realm is one too; anything else would be sealed as other bytes. */
function checkBytes(bytes: Uint8Array): Uint8Array {
  if (Object.prototype.toString.call(bytes) === "[object Uint8Array]") return bytes;
  throw new MaskingError("ERR_MASKING_INPUT_INVALID", "Bytes to seal are a Uint8Array.");
}

function encodeFields(fields: Readonly<Record<string, string>>): Uint8Array {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    checkLabel("field", name);
    if (typeof value !== "string" || !value.isWellFormed()) {
      throw new MaskingError("ERR_MASKING_INPUT_INVALID", `The field ${name} is not Unicode text.`);
    }
    parts.push(name, value);
  }
  return lengthPrefixed(...parts);
}

/** Null, or an error of TextDecoder, if the plaintext is not one that {@link encodeContent} makes. */
export function decodeContent(plaintext: Uint8Array): Content | null {
  const end = plaintext.findLastIndex((byte) => byte !== 0);
  if (end < 1 || plaintext[end] !== padMark) return null;
  // A copy: slice() of a Buffer is none, and the caller zeroes the plaintext.
  const body = Uint8Array.from(plaintext.subarray(1, end));
  if (plaintext[0] === kindByte.bytes) return { kind: "bytes", bytes: body };
  const fields = plaintext[0] === kindByte.fields ? decodeFields(body) : null;
  return fields && { kind: "fields", fields };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Throws on bytes that are not UTF-8. */
function decodeFields(body: Uint8Array): Record<string, string> | null {
  const parts = readLengthPrefixed(body);
  if (parts === null || parts.length % 2 !== 0) return null;
  const entries = new Map<string, string>();
  for (let at = 0; at < parts.length; at += 2) {
    entries.set(decoder.decode(parts[at]), decoder.decode(parts[at + 1]));
  }
  // fromEntries defines own properties, so a field may be called anything, __proto__ too.
  return entries.size * 2 === parts.length ? Object.fromEntries(entries) : null;
}
