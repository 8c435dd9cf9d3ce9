/**
 * Arrays in PostgreSQL's binary format, for the six types that the batch write sends.
 *
 * `pg` passes a Buffer parameter on as it stands, in binary: so one Buffer carries one column of a
 * whole batch, with no quoting and no limit on the number of rows.
 */

/** A one-dimensional array begins with five 32-bit numbers (`array_recv` in PostgreSQL's arrayfuncs.c). */
const headerBytes = 20;
/** PostgreSQL counts days and microseconds from 2000-01-01. */
const epochMs = 946_684_800_000;
const msPerDay = 86_400_000;

/** @throws TypeError if an element is not a UUID in its 36-character form. */
export function uuidArray(values: readonly string[]): Buffer {
  return encodeArray(
    2950,
    values,
    () => 16,
    (value, buffer, at) => {
      if (value.length !== 36 || buffer.write(value.replaceAll("-", ""), at, "hex") !== 16) {
        throw new TypeError("A record, message or batch key id is not a UUID.");
      }
    },
  );
}

export function textArray(values: readonly (string | null)[]): Buffer {
  return encodeArray(
    25,
    values,
    (value) => Buffer.byteLength(value),
    (value, buffer, at) => buffer.write(value, at),
  );
}

export function byteaArray(values: readonly Uint8Array[]): Buffer {
  return encodeArray(
    17,
    values,
    (value) => value.byteLength,
    (value, buffer, at) => buffer.set(value, at),
  );
}

export function int4Array(values: readonly (number | null)[]): Buffer {
  return encodeArray(
    23,
    values,
    () => 4,
    (value, buffer, at) => buffer.writeInt32BE(value, at),
  );
}

/** @param instants - Milliseconds since the Unix epoch; each becomes its UTC date. */
export function utcDateArray(instants: readonly number[]): Buffer {
  return encodeArray(
    1082,
    instants,
    () => 4,
    (ms, buffer, at) => buffer.writeInt32BE(Math.floor((ms - epochMs) / msPerDay), at),
  );
}

/** @param instants - Milliseconds since the Unix epoch. */
export function timestamptzArray(instants: readonly number[]): Buffer {
  return encodeArray(
    1184,
    instants,
    () => 8,
    (ms, buffer, at) => buffer.writeBigInt64BE(BigInt(ms - epochMs) * 1000n, at),
  );
}

function encodeArray<T>(
  elementType: number,
  values: readonly (T | null)[],
  bytesOf: (value: T) => number,
  write: (value: T, buffer: Buffer, at: number) => void,
): Buffer {
  const hasNull = values.includes(null);
  let bytes = headerBytes + 4 * values.length;
  for (const value of values) bytes += value === null ? 0 : bytesOf(value);
  const buffer = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const number of [1, hasNull ? 1 : 0, elementType, values.length, 1]) {
    at = buffer.writeInt32BE(number, at);
  }
  for (const value of values) {
    const length = value === null ? -1 : bytesOf(value);
    at = buffer.writeInt32BE(length, at);
    if (value === null) continue;
    write(value, buffer, at);
    at += length;
  }
  return buffer;
}
