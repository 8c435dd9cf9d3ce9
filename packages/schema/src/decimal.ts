/** Decimal numbers as digits: nothing is rounded. */

const DECIMAL = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
/** As many as `numeric(p, s)` can be declared with; it also bounds what an exponent makes of a short text. */
export const MAX_DIGITS = 1_000;

export interface Decimal {
  readonly sign: "" | "-";
  /** Without leading zeros, but not empty. */
  readonly whole: string;
  readonly fraction: string;
}

/** Reads what JSON allows as a number; null for anything else, and for more digits than {@link MAX_DIGITS} on a side. */
export function readDecimal(digits: string): Decimal | null {
  const [, sign, whole, fraction = "", power = "0"] = DECIMAL.exec(digits) ?? [];
  if (sign === undefined || whole === undefined || power.length > 6) return null;
  const all = whole + fraction;
  const point = whole.length + Number(power);
  if (point > MAX_DIGITS || all.length - point > MAX_DIGITS) return null;
  const padded =
    "0".repeat(Math.max(0, -point)) + all + "0".repeat(Math.max(0, point - all.length));
  const cut = Math.max(0, point);
  return {
    sign: sign === "-" && /[1-9]/.test(all) ? "-" : "",
    whole: padded.slice(0, cut).replace(/^0+(?=.)/, "") || "0",
    fraction: padded.slice(cut),
  };
}
