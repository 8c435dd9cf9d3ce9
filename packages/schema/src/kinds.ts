/** The kinds of fields: their SQL types, and how a value of each is read. */
import { digitsOf, JsonNumber } from "./json-number.ts";
import { readDecimal } from "./decimal.ts";
import type { FieldKind, Value } from "./fields.ts";
import { refusal, type Refusal } from "./refusal.ts";

/** Reads a JSON value that is there. It keeps what PostgreSQL would refuse or change from becoming a value. */
export type ReadValue = (raw: unknown) => Value | Refusal;

export interface Limits {
  readonly max?: number | null;
  readonly precision?: number | null;
  readonly scale?: number | null;
}

export interface Kind {
  readonly sqlType: (limits: Limits) => string;
  readonly reader: (limits: Limits) => ReadValue;
}

const INT4_MAX = 2_147_483_647;
const INT8_MAX = 9_223_372_036_854_775_807n;
const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
const RFC_3339 =
  /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,6})0*)?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

export const kinds: Readonly<Record<FieldKind, Kind>> = {
  text: {
    sqlType: ({ max }) => `varchar(${max})`,
    reader:
      ({ max }) =>
      (raw) => {
        if (typeof raw !== "string") return refusal.wrongType;
        return fits(raw, max ?? Infinity) ? raw : refusal.tooLong;
      },
  },
  integer: {
    sqlType: () => "integer",
    reader: () => (raw) => {
      const value = raw instanceof JsonNumber ? Number(raw.digits) : raw;
      if (typeof value !== "number") return refusal.wrongType;
      const fitsInteger = Number.isInteger(value) && value <= INT4_MAX && value >= -INT4_MAX - 1;
      // Adding makes one zero of two.
      return fitsInteger ? value + 0 : refusal.invalid;
    },
  },
  bigint: { sqlType: () => "bigint", reader: () => readBigint },
  numeric: {
    sqlType: ({ precision, scale }) =>
      precision ? `numeric(${precision},${scale ?? 0})` : "numeric",
    reader: (limits) => (raw) => readNumeric(raw, limits),
  },
  boolean: {
    sqlType: () => "boolean",
    reader: () => (raw) => (typeof raw === "boolean" ? raw : refusal.wrongType),
  },
  timestamp: {
    sqlType: () => "timestamptz",
    reader: () => readTimestamp,
  },
  uuid: {
    sqlType: () => "uuid",
    reader: () => (raw) => {
      if (typeof raw !== "string") return refusal.wrongType;
      return UUID.test(raw) ? raw.toLowerCase() : refusal.invalid;
    },
  },
};

/** Whether a text fits `varchar(max)`: Postgres counts code points, JavaScript UTF-16 units. */
function fits(text: string, max: number): boolean {
  return text.length <= max || countCodePoints(text) <= max;
}

function countCodePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function readBigint(raw: unknown): bigint | Refusal {
  const digits = digitsOf(raw);
  if (digits === null) return refusal.wrongType;
  const decimal = readDecimal(digits);
  if (decimal === null || /[1-9]/.test(decimal.fraction)) return refusal.invalid;
  const value = BigInt(decimal.sign + decimal.whole);
  return value <= INT8_MAX && value >= -INT8_MAX - 1n ? value : refusal.invalid;
}

/** Comes out as PostgreSQL prints it: with `scale` digits after the point, where there is a scale. */
function readNumeric(raw: unknown, { precision, scale }: Limits): string | Refusal {
  const digits = digitsOf(raw);
  if (digits === null) return refusal.wrongType;
  const decimal = readDecimal(digits);
  if (decimal === null) return refusal.invalid;
  const { sign, whole, fraction } = decimal;
  if (!precision) return print(sign + whole, fraction);
  const places = scale ?? 0;
  const isTooLarge = whole !== "0" && whole.length > precision - places;
  if (isTooLarge || /[1-9]/.test(fraction.slice(places))) return refusal.invalid;
  return print(sign + whole, fraction.slice(0, places).padEnd(places, "0"));
}

function print(whole: string, fraction: string): string {
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

/** In UTC and with six digits of a second, whatever its offset was. */
function readTimestamp(raw: unknown): string | Refusal {
  if (typeof raw !== "string") return refusal.wrongType;
  const [, date, time, fraction = "", sign, hours, minutes] = RFC_3339.exec(raw) ?? [];
  if (date === undefined || time === undefined) return refusal.invalid;
  const local = Date.parse(`${date}T${time}Z`);
  // Date.parse rolls over what no calendar has; a leap second is not a number for it.
  if (Number.isNaN(local) || !new Date(local).toISOString().startsWith(`${date}T${time}`)) {
    return refusal.invalid;
  }
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
  const utc = new Date(sign === "-" ? local + offset : local - offset).toISOString();
  const isFourDigitYear = utc.length === 24 && !utc.startsWith("0000");
  return isFourDigitYear ? `${utc.slice(0, 19)}.${fraction.padEnd(6, "0")}Z` : refusal.invalid;
}
