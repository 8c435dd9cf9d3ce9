/** What a contender has to have written: every message once, with the values of its body, and originals that open. */
import { createHmac, createSecretKey } from "node:crypto";
import { createTokenizer } from "@org/masking";
import {
  generateKeyring,
  type KeyringJson,
  resolveKeyring,
  resolvePrivateKeyring,
} from "@org/masking/keyring";
import { batchKeyIdOf, createUnsealer } from "@org/masking/unseal";
import { createToRow } from "@org/schema";
import type { Client } from "pg";
import { contract, type Message } from "./samples.ts";

/** `plain` is one table with a unique message id, all that a natural solution has. */
export type Side = "maskline" | "plain";

/** Of which body, by its values in the order of {@link columns}, and how often. */
export type Expected = ReadonlyMap<string, number>;

/** The tenant that a consumer has unless it is told another. */
const tenant = "default";

const valueColumns = contract.columns
  .filter(({ from }) => from.kind !== "system")
  .map(({ name }) => name);

const tables: Readonly<Record<Side, { from: string; columns: readonly string[]; since: string }>> =
  {
    maskline: { from: contract.table, columns: valueColumns, since: "sent_at >= $1" },
    plain: {
      from: "logins",
      columns: ["user_id", "device_type", "masked_ip", "masked_device_id", "locale", "app_version"],
      since: "create_date >= $1::date",
    },
  };

export interface Keys {
  readonly keyring: KeyringJson;
  /** What each side has to write for these messages, once each. */
  readonly expected: (messages: readonly Message[]) => Promise<Readonly<Record<Side, Expected>>>;
  /** Whether some records that were written since open, and are of their row's subject. */
  readonly open: (admin: Client, since: Date) => Promise<boolean>;
}

export function generateKeys(): Keys {
  const { keyring, privateKeyring } = generateKeyring();
  return {
    keyring,
    async expected(messages) {
      const resolved = await resolveKeyring(keyring, { env: {} });
      const fields = contract.tokenFields;
      const toRow = createToRow(contract, createTokenizer(resolved, { tenant, fields }));
      const ofOurs = (message: Message): unknown[] => {
        const { columns } = toRow(message, { recordId: "", sealer: null });
        return valueColumns.map((name) => (columns as Record<string, unknown>)[name]);
      };
      return { maskline: numbersOf(messages.map(ofOurs)), plain: numbersOf(messages.map(ofPlain)) };
    },
    async open(admin, since) {
      const resolved = await resolvePrivateKeyring(privateKeyring, { env: {} });
      const unsealer = createUnsealer(resolved, { tenant });
      const { rows: keys } = await admin.query<KeyRow>(
        "SELECT id, recipient, sealed FROM maskline.batch_key",
      );
      const keyOf = new Map(keys.map((key) => [key.id, key]));
      const { rows } = await admin.query<SealedRow>(someSealed, [since]);
      for (const { record_id: recordId, subject, sealed, seed } of rows) {
        const key = keyOf.get(batchKeyIdOf(sealed));
        if (!key) return false;
        using opener = await unsealer.openBatchKey(key.id, key.recipient, key.sealed);
        const originals = opener.unseal({ table: contract.table, recordId }, sealed, seed);
        if (originals[contract.subject] !== subject) return false;
      }
      return rows.length > 0;
    },
  };
}

interface KeyRow {
  readonly id: string;
  readonly recipient: string;
  readonly sealed: Buffer;
}

interface SealedRow {
  readonly record_id: string;
  readonly subject: string;
  readonly sealed: Buffer;
  readonly seed: Buffer;
}

const someSealed = `SELECT record_id, ${contract.subject} AS subject, vault.sealed, seed.seed
  FROM ${contract.table} JOIN maskline.vault USING (record_id) JOIN maskline.seed USING (record_id)
  WHERE sent_at >= $1 LIMIT 100`;

/** The key that the contenders have which nobody derives. */
const plainKey = createSecretKey("a key that every contender of this kind uses", "utf8");

function mask(value: string): string {
  return createHmac("sha256", plainKey).update(value).digest("hex");
}

function ofPlain(message: Message): unknown[] {
  const { user_id, device_type, ip, device_id, locale, app_version } = message;
  const version = Number.parseInt(app_version ?? "", 10);
  return [user_id, device_type, mask(ip), mask(device_id), locale, version];
}

/** How often a side wrote each row of values since then. */
export async function readWritten(admin: Client, side: Side, since: Date): Promise<Expected> {
  const { from, columns, since: isSince } = tables[side];
  const list = columns.map((name) => `"${name}"`).join(", ");
  const { rows } = await admin.query<unknown[]>({
    text: `SELECT count(*)::integer, ${list} FROM ${from} WHERE ${isSince} GROUP BY ${list}`,
    values: [since],
    rowMode: "array",
  });
  return new Map(rows.map(([count, ...values]) => [JSON.stringify(values), Number(count)]));
}

function numbersOf(rows: readonly (readonly unknown[])[]): Expected {
  const counted = new Map<string, number>();
  for (const values of rows) {
    const key = JSON.stringify(values);
    counted.set(key, (counted.get(key) ?? 0) + 1);
  }
  return counted;
}

/** How many rows have values that none of `expected`, each so many times, has. */
export function countWrong(written: Expected, expected: Expected, times: number): number {
  let wrong = 0;
  for (const [values, count] of written) {
    wrong += Math.max(0, count - times * (expected.get(values) ?? 0));
  }
  return wrong;
}
