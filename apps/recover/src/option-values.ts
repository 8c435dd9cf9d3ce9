/** Values of options on the command line. */

import { isToken } from "@org/masking";
import { InvalidArgumentError, Option } from "commander";

/** Whose messages: a grant names its contract, and what is done under it is held against that. */
export function contractOption(): Option {
  return new Option(
    "--contract <name>",
    "a shipped contract, or the path of a contract module (default: MASKLINE_CONTRACT, else login)",
  );
}

/** A whole number above zero. */
export function positive(text: string): number {
  const value = naturalNumber(text);
  if (value > 0) return value;
  throw new InvalidArgumentError("It must be a whole number above zero.");
}

/** A whole number, zero included. */
export function naturalNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError("It must be a whole number.");
}

/** A record's id. */
export function uuid(text: string): string {
  return uuids(text)[0] ?? "";
}

/** Record ids, of an option that may be given more than one. */
export function uuids(text: string, before: readonly string[] = []): string[] {
  const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
  if (isUuid) return [...before, text.toLowerCase()];
  throw new InvalidArgumentError("It must be a record's id, which is a UUID.");
}

/** A raw value must not reach the request: the audit would keep it. */
export function token(text: string): string {
  if (isToken(text)) return text;
  throw new InvalidArgumentError(
    "It must be a masked value, such as mk1.t1.…; for a raw one, request lookup.",
  );
}

/** In UTC, so that it means the same to everybody. */
export function instant(text: string): string {
  const isIso = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(
    text,
  );
  if (isIso && isDate(text.slice(0, 10)) && !Number.isNaN(Date.parse(text))) {
    return new Date(text).toISOString();
  }
  throw new InvalidArgumentError("It must be a time such as 2026-05-03T10:00:00Z, or a day (UTC).");
}

export function day(text: string): string {
  if (isDate(text)) return text;
  throw new InvalidArgumentError("It must be a date such as 2026-05-03.");
}

function isDate(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 10) === text;
}

export function purposeCode(text: string): string {
  if (/^[a-z0-9][a-z0-9_-]{1,63}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be a code of a-z, 0-9, - and _, 2 to 64 characters.");
}

export function textUpTo(most: number): (text: string) => string {
  return (text) => {
    if (text.length > 0 && text.length <= most) return text;
    throw new InvalidArgumentError(`It must have 1 to ${most} characters.`);
  };
}
