/**
 * Arrays in PostgreSQL's binary format, for the types that the batch write sends.
 *
 * `pg` passes a Buffer parameter on as it stands, in binary: so one Buffer carries one column of a
 * whole batch, with no quoting and no limit on the number of rows.
 */

/** A one-dimensional array begins with five 32-bit numbers (`array_recv` in PostgreSQL's arrayfuncs.c). */
const headerBytes = 20;
/** UTF-8 takes at most three bytes for a UTF-16 unit. */
const mostBytesAUnit = 3;
/** PostgreSQL counts days and microseconds from 2000-01-01. */
const epochMs = 946_684_800_000;
const msPerDay = 86_400_000;

/** Where each byte's two digits begin in a UUID's text, and where its hyphens are. */
const uuidDigits = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const;
const uuidHyphens = [8, 13, 18, 23] as const;
const hyphen = 0x2d;

/** The value of each hexadecimal digit by its character code; more than 15 for what is none. */
const hexValues = new Uint8Array(256).fill(0xff);
for (let value = 0; value < 16; value += 1) {
  const digit = value.toString(16);
  hexValues[digit.charCodeAt(0)] = value;
  hexValues[digit.toUpperCase().charCodeAt(0)] = value;
}

/** How a column of a batch is sent. */
export interface ArrayType<T> {
  /** PostgreSQL's name for the type of one element. */
  readonly element: string;
  readonly encode: (values: readonly (T | null)[]) => Buffer;
}

/** Its `encode` throws a TypeError if an element is not a UUID in its 36-character form. */
export const uuidArray: ArrayType<string> = {
  element: "uuid",
  encode: (values) =>
    encodeArray(2950, values, 16 * values.length, (uuid, buffer, at) => {
      if (!writeUuid(uuid, buffer, at)) {
        throw new TypeError("A record, message or batch key id is not a UUID.");
      }
      return 16;
    }),
};

/** False for what is no UUID. A loop, because the uuid package's parser takes five times as long. */
function writeUuid(uuid: string, buffer: Buffer, start: number): boolean {
  let seen = 0;
  let at = start;
  for (const digit of uuidDigits) {
    const high = hexValues[uuid.charCodeAt(digit)] ?? 0xff;
    const low = hexValues[uuid.charCodeAt(digit + 1)] ?? 0xff;
    seen |= high | low;
    buffer[at] = (high << 4) | low;
    at += 1;
  }
  const hasHyphens = uuidHyphens.every((place) => uuid.charCodeAt(place) === hyphen);
  return uuid.length === 36 && seen < 16 && hasHyphens;
}

export const textArray: ArrayType<string> = {
  element: "text",
  encode(values) {
    let mostBytes = 0;
    for (const value of values) mostBytes += value === null ? 0 : mostBytesAUnit * value.length;
    return encodeArray(25, values, mostBytes, (value, buffer, at) => buffer.write(value, at));
  },
};

export const byteaArray: ArrayType<Uint8Array> = {
  element: "bytea",
  encode(values) {
    let bytes = 0;
    for (const value of values) bytes += value === null ? 0 : value.length;
    return encodeArray(17, values, bytes, (value, buffer, at) => {
      buffer.set(value, at);
      return value.length;
    });
  },
};

export const int4Array: ArrayType<number> = {
  element: "integer",
  encode: (values) =>
    encodeArray(23, values, 4 * values.length, (value, buffer, at) => {
      buffer.writeInt32BE(value, at);
      return 4;
    }),
};

export const int8Array: ArrayType<bigint> = {
  element: "bigint",
  encode: (values) =>
    encodeArray(20, values, 8 * values.length, (value, buffer, at) => {
      buffer.writeBigInt64BE(value, at);
      return 8;
    }),
};

export const booleanArray: ArrayType<boolean> = {
  element: "boolean",
  encode: (values) =>
    encodeArray(16, values, values.length, (value, buffer, at) => {
      buffer[at] = value ? 1 : 0;
      return 1;
    }),
};

/** Of instants in milliseconds since the Unix epoch; each becomes its UTC date. */
export const utcDateArray: ArrayType<number> = {
  element: "date",
  encode: (instants) =>
    encodeArray(1082, instants, 4 * instants.length, (ms, buffer, at) => {
      buffer.writeInt32BE(Math.floor((ms - epochMs) / msPerDay), at);
      return 4;
    }),
};

/** Of instants in milliseconds since the Unix epoch. */
export const timestamptzArray: ArrayType<number> = {
  element: "timestamptz",
  encode: (instants) =>
    encodeArray(1184, instants, 8 * instants.length, (ms, buffer, at) => {
      buffer.writeBigInt64BE(BigInt(ms - epochMs) * 1000n, at);
      return 8;
    }),
};

/** `write` puts an element at an offset and returns its length; all lengths together are `mostBytes` at most. */
function encodeArray<T>(
  elementType: number,
  values: readonly (T | null)[],
  mostBytes: number,
  write: (value: T, buffer: Buffer, at: number) => number,
): Buffer {
  const hasNull = values.includes(null);
  const buffer = Buffer.allocUnsafe(headerBytes + 4 * values.length + mostBytes);
  let at = 0;
  for (const number of [1, hasNull ? 1 : 0, elementType, values.length, 1]) {
    at = buffer.writeInt32BE(number, at);
  }
  for (const value of values) {
    const length = value === null ? -1 : write(value, buffer, at + 4);
    at = buffer.writeInt32BE(length, at) + Math.max(0, length);
  }
  return buffer.subarray(0, at);
}
