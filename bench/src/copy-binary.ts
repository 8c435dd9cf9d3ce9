/** Rows in the format of COPY … (FORMAT binary): the fastest way into PostgreSQL, and no way to write a message twice. */
import { finished } from "node:stream/promises";
import type { Row } from "@org/db";
import type { AnyContract } from "@org/schema";
import type { ClientBase } from "pg";
import { from as copyFrom } from "pg-copy-streams";

const epochMs = 946_684_800_000;
const msPerDay = 86_400_000;
/** The signature, no flags, no header extension; and the trailer. */
const header = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
const trailer = Buffer.from([0xff, 0xff]);
/** More than any sample row takes. */
const roomForRow = 512;

export type Copy = (rows: readonly Row[]) => Promise<void>;

/** Each copies its rows in one COPY, so in one transaction. */
export function createCopy(client: ClientBase, { table, columns }: AnyContract): Copy {
  const names = columns.map(({ name }) => `"${name}"`).join(", ");
  const statement = `COPY ${table} (${names}) FROM STDIN (FORMAT binary)`;
  const writers = columns.map(({ name, sqlType, from }) => ({
    valueOf: from.kind === "system" ? delivery[name] : (row: Row) => row.columns[name],
    write: formats[sqlType.replace(/\(.*/, "")],
  }));
  return async (rows) => {
    const stream = client.query(copyFrom(statement));
    const output = createOutput(rows.length);
    for (const row of rows) {
      output.int2(writers.length);
      for (const { valueOf, write } of writers) {
        const value = valueOf?.(row) ?? null;
        if (value === null) output.int4(-1);
        else write?.(output, value);
      }
    }
    stream.end(output.end());
    await finished(stream);
  };
}

/** What a row has of its message's delivery, by column. */
const delivery: Readonly<Record<string, (row: Row) => string | number>> = {
  message_id: ({ messageId }) => messageId,
  record_id: ({ recordId }) => recordId,
  sent_at: ({ sentAtMs }) => sentAtMs,
  create_date: ({ sentAtMs }) => sentAtMs,
};

/** A value with its length before it, by the type of its column; only those of the contract that is measured. */
const formats: Readonly<Record<string, (output: Output, value: unknown) => void>> = {
  varchar: (output, value) => output.text(value as string),
  uuid: (output, value) => output.uuid(value as string),
  integer(output, value) {
    output.int4(4);
    output.int4(value as number);
  },
  date(output, value) {
    output.int4(4);
    output.int4(Math.floor(((value as number) - epochMs) / msPerDay));
  },
  timestamptz(output, value) {
    output.int4(8);
    output.int8(BigInt((value as number) - epochMs) * 1000n);
  },
};

interface Output {
  readonly int2: (value: number) => void;
  readonly int4: (value: number) => void;
  readonly int8: (value: bigint) => void;
  readonly text: (value: string) => void;
  readonly uuid: (value: string) => void;
  readonly end: () => Buffer;
}

function createOutput(rows: number): Output {
  const buffer = Buffer.allocUnsafe(header.length + rows * roomForRow + trailer.length);
  let at = header.copy(buffer);
  return {
    int2(value) {
      at = buffer.writeInt16BE(value, at);
    },
    int4(value) {
      at = buffer.writeInt32BE(value, at);
    },
    int8(value) {
      at = buffer.writeBigInt64BE(value, at);
    },
    text(value) {
      at = buffer.writeInt32BE(Buffer.byteLength(value), at);
      at += buffer.write(value, at);
    },
    uuid(value) {
      at = buffer.writeInt32BE(16, at);
      at += buffer.write(value.replaceAll("-", ""), at, "hex");
    },
    end() {
      at += trailer.copy(buffer, at);
      return buffer.subarray(0, at);
    },
  };
}
