/** A write that leaves nothing behind: tells a fault of the schema from a fault of a row. */

import { randomUUID } from "node:crypto";
import type { Sealed, SealedBatchKey, Seed } from "@org/masking";
import type { AnyContract, Column, RowOf } from "@org/schema";
import type { ClientBase } from "pg";
import type { WriteBatch } from "./batch.ts";
import type { WriteStatement } from "./write-statement.ts";

export async function probe<C extends AnyContract>(
  client: ClientBase,
  contract: C,
  statement: WriteStatement<C>,
): Promise<void> {
  await client.query("BEGIN");
  try {
    await client.query(statement(sampleBatch(contract)));
  } finally {
    await client.query("ROLLBACK");
  }
}

/** Well-formed, and recognizable as nobody's. */
function sampleBatch<C extends AnyContract>({ columns }: C): WriteBatch<C> {
  const sentAtMs = Date.now();
  const bytes: Uint8Array = Buffer.from("probe");
  const sealed = { sealed: bytes as Sealed, seed: bytes as Seed };
  const place = () => ({ messageId: randomUUID(), recordId: randomUUID(), sentAtMs });
  const values = columns.filter(({ from }) => from.kind !== "system").map(sampleOf);
  return {
    rows: [{ ...place(), columns: Object.fromEntries(values) as RowOf<C>, vault: sealed }],
    quarantined: [{ ...place(), reason: "probe", sqlState: null, subjectTag: null, ...sealed }],
    batchKeys: [{ id: randomUUID(), recipient: "probe", sealed: bytes as SealedBatchKey }],
  };
}

const samples: Readonly<Record<string, unknown>> = {
  integer: 0,
  bigint: 0n,
  numeric: "0",
  boolean: false,
  timestamptz: "2000-01-01T00:00:00.000000Z",
  uuid: "00000000-0000-0000-0000-000000000000",
};

/** A text is cut to what its column takes. */
function sampleOf({ name, sqlType, isNullable }: Column): readonly [string, unknown] {
  const [, type = "", length = "5"] = /^([a-z]+)(?:\((\d+))?/.exec(sqlType) ?? [];
  return [name, isNullable ? null : (samples[type] ?? "probe".slice(0, Number(length)))];
}
