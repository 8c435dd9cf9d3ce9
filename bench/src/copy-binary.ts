/** Rows of user_logins in the format of COPY … (FORMAT binary): the fastest way into PostgreSQL, and no way to write a message twice. */
import { finished } from "node:stream/promises";
import type { LoginRow } from "@org/db";
import type { ClientBase } from "pg";
import { from as copyFrom } from "pg-copy-streams";

const statement = `
  COPY user_logins (message_id, record_id, sent_at, create_date, user_id, device_type,
    masked_ip, masked_device_id, locale, app_version, app_version_text) FROM STDIN (FORMAT binary)`;

const columns = 11;
const epochMs = 946_684_800_000;
const msPerDay = 86_400_000;
/** The signature, no flags, no header extension; and the trailer. */
const header = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
const trailer = Buffer.from([0xff, 0xff]);
/** More than any sample row takes. */
const roomForRow = 512;

/** One COPY, so one transaction. */
export async function copyRows(client: ClientBase, rows: readonly LoginRow[]): Promise<void> {
  const stream = client.query(copyFrom(statement));
  stream.end(encode(rows));
  await finished(stream);
}

function encode(rows: readonly LoginRow[]): Buffer {
  const buffer = Buffer.allocUnsafe(header.length + rows.length * roomForRow + trailer.length);
  let at = header.copy(buffer);

  function uuid(text: string): void {
    at = buffer.writeInt32BE(16, at);
    at += buffer.write(text.replaceAll("-", ""), at, "hex");
  }
  function int4(value: number | null): void {
    at = buffer.writeInt32BE(value === null ? -1 : 4, at);
    if (value !== null) at = buffer.writeInt32BE(value, at);
  }
  function text(value: string | null): void {
    const length = value === null ? -1 : Buffer.byteLength(value);
    at = buffer.writeInt32BE(length, at);
    if (value !== null) at += buffer.write(value, at);
  }

  for (const row of rows) {
    at = buffer.writeInt16BE(columns, at);
    uuid(row.messageId);
    uuid(row.recordId);
    at = buffer.writeInt32BE(8, at);
    at = buffer.writeBigInt64BE(BigInt(row.sentAtMs - epochMs) * 1000n, at);
    int4(Math.floor((row.sentAtMs - epochMs) / msPerDay));
    for (const value of [row.userId, row.deviceType, row.maskedIp, row.maskedDeviceId, row.locale])
      text(value);
    int4(row.appVersion);
    text(row.appVersionText);
  }
  at += trailer.copy(buffer, at);
  return buffer.subarray(0, at);
}
