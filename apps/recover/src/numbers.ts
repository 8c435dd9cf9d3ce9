/** Numbers on the command line. */

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
