/** JSON numbers whose digits a double would not give back. */

/**
 * The digits of such a number, as the JSON text spells them. It has no property of its own, so
 * that whatever walks a document takes it for a value.
 */
export class JsonNumber {
  readonly #digits: string;

  constructor(digits: string) {
    this.#digits = digits;
  }

  get digits(): string {
    return this.#digits;
  }
}

/** TypeScript does not know the third argument yet (ECMAScript 2026, "JSON.parse source text access"). */
const parse = JSON.parse as (
  text: string,
  revive: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;

/** `JSON.parse`, but a number that a double would spell otherwise becomes a {@link JsonNumber}. */
export function parseKeepingDigits(text: string): unknown {
  return parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source
      ? new JsonNumber(source)
      : value,
  );
}

/** The digits of a number, in quotes or not; null for anything else. */
export function digitsOf(raw: unknown): string | null {
  if (typeof raw === "string") return raw;
  if (typeof raw === "number" || typeof raw === "bigint") return String(raw);
  return raw instanceof JsonNumber ? raw.digits : null;
}
