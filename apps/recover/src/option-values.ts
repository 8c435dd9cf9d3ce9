/** Values of options on the command line. */

import { InvalidArgumentError } from "commander";

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

/** Record ids, of an option that may be given more than one. */
export function uuids(text: string, before: readonly string[] = []): string[] {
  const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
  if (isUuid) return [...before, text.toLowerCase()];
  throw new InvalidArgumentError("It must be a record's id, which is a UUID.");
}
