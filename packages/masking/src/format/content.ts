/** What is inside a sealed record: fields or bytes, padded so that the length says nothing. */

import { MaskingError } from "../errors.ts";
import {
  allocateTransient,
  readLengthPrefixed,
  utf8Length,
  writeLengthPrefixedText,
} from "./bytes.ts";
import { checkLabel } from "./labels.ts";

/** What a record holds. */
export type Content =
  | { readonly kind: "fields"; readonly fields: Readonly<Record<string, string>> }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

const kindByte = { fields: 1, bytes: 2 } as const;
const padMark = 0x80;
/** What a login's masked fields and its subject take, and room for an IPv6 address in place of IPv4. */
const smallestPlaintext = 192;

/**
 * Transient bytes: kind, content, 0x80, and zeros up to 192 bytes or else the next power of two: a
 * login with an IPv6 address is as long as one with IPv4.
 */
export function encodeContent(content: Content): Uint8Array {
  return content.kind === "fields" ? encodeFields(content.fields) : encodeBytes(content.bytes);
}

function encodeFields(fields: Readonly<Record<string, string>>): Uint8Array {
  const parts: string[] = [];
  let length = 0;
  for (const [name, value] of Object.entries(fields)) {
    checkLabel("field", name);
    if (typeof value !== "string" || !value.isWellFormed()) {
      throw new MaskingError("ERR_MASKING_INPUT_INVALID", `The field ${name} is not Unicode text.`);
    }
    parts.push(name, value);
    length += 4 + name.length + 4 + utf8Length(value);
  }
  const plaintext = allocatePlaintext("fields", length);
  let at = 1;
  for (const part of parts) at = writeLengthPrefixedText(part, plaintext, at);
  return plaintext;
}

/** A Uint8Array of another realm is one too; anything else would be sealed as other bytes. */
function encodeBytes(bytes: Uint8Array): Uint8Array {
  if (Object.prototype.toString.call(bytes) !== "[object Uint8Array]") {
    throw new MaskingError("ERR_MASKING_INPUT_INVALID", "Bytes to seal are a Uint8Array.");
  }
  const plaintext = allocatePlaintext("bytes", bytes.length);
  plaintext.set(bytes, 1);
  return plaintext;
}

/** All but the content, which takes `length` bytes from the second on. */
function allocatePlaintext(kind: Content["kind"], length: number): Uint8Array {
  const needed = length + 2;
  const padded =
    needed <= smallestPlaintext ? smallestPlaintext : 2 ** Math.ceil(Math.log2(needed));
  const plaintext = allocateTransient(padded);
  plaintext[0] = kindByte[kind];
  plaintext[1 + length] = padMark;
  return plaintext;
}

/** Null, or an error of TextDecoder, if the plaintext is not one that {@link encodeContent} makes. */
export function decodeContent(plaintext: Uint8Array): Content | null {
  const end = plaintext.findLastIndex((byte) => byte !== 0);
  if (end < 1 || plaintext[end] !== padMark) return null;
  const body = plaintext.subarray(1, end);
  // A copy: slice() of a Buffer is none, and the caller zeroes the plaintext.
  if (plaintext[0] === kindByte.bytes) return { kind: "bytes", bytes: Uint8Array.from(body) };
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
