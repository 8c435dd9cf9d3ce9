/** The names that keys and records are bound to. */

import { MaskingError } from "../errors.ts";

const label = /^[\x21-\x7e]{1,128}$/;
const kidPattern = /^[a-z0-9]{1,16}$/;
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const isKid = (text: string): boolean => kidPattern.test(text);

export const isLowerCaseUuid = (text: string): boolean => uuidPattern.test(text);

/** A tenant, field or table label: 1 to 128 visible ASCII characters, so that it has one encoding. */
export function checkLabel(kind: "field" | "table" | "tenant", text: string): string {
  // A pattern takes a number for its digits, which then has no encoding.
  if (typeof text !== "string" || !label.test(text)) {
    throw new MaskingError(
      "ERR_MASKING_INPUT_INVALID",
      `A ${kind} is named by 1 to 128 visible ASCII characters.`,
    );
  }
  return text;
}

/** An upper-case UUID would seal a record that is never found again under the id a database prints. */
export function checkRecordId(text: string): string {
  if (!isLowerCaseUuid(text)) {
    throw new MaskingError("ERR_MASKING_INPUT_INVALID", "A record id is a UUID in lower case.");
  }
  return text;
}

export function uuidBytes(uuid: string): Uint8Array {
  const digits = uuid.replaceAll("-", "");
  return Uint8Array.from({ length: 16 }, (_, at) =>
    Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16),
  );
}

export function uuidText(bytes: Uint8Array): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
