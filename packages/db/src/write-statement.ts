/** The batch write: one statement, so one transaction and one round trip. */

import type { AnyContract, Column } from "@org/schema";
import type { PgTable } from "drizzle-orm/pg-core";
import { escapeIdentifier, escapeLiteral, type QueryConfig } from "pg";
import type { BatchKeyRow, QuarantineRow, Row, WriteBatch } from "./batch.ts";
import {
  type ArrayType,
  booleanArray,
  byteaArray,
  int4Array,
  int8Array,
  textArray,
  timestamptzArray,
  utcDateArray,
  uuidArray,
} from "./binary-array.ts";
import { pgCore } from "./drizzle.ts";
import { toMessageUuid } from "./message-uuid.ts";
import { tableOf } from "./table-of.ts";
import { batchKey, quarantine, seed, vault } from "./tables.ts";

/** Counts in the only result row of the statement. */
export interface Claimed {
  readonly written: number;
  readonly quarantined: number;
}

/** Of two entries with one message id the first is written; a row comes before a quarantined message. */
export type WriteStatement<C extends AnyContract> = (batch: WriteBatch<C>) => QueryConfig;

/**
 * Builds the statements of a contract, once: text and parameters follow from the tables' columns.
 *
 * One for each kind of batch, with the vault or without, with quarantined messages or without: an
 * insert of nothing would still cost each batch some time.
 */
export function createWriteStatement<C extends AnyContract>(contract: C): WriteStatement<C> {
  const kinds = [false, true].flatMap((sealed) =>
    [false, true].map((refused) => createStatement(contract, { sealed, refused })),
  );
  return (batch) => {
    const seen = new Set<string>();
    const rows = firstOnly<Row>(batch.rows, seen);
    const quarantined = firstOnly(batch.quarantined, seen);
    const isSealed = rows.entries.some(({ vault: sealed }) => sealed !== null);
    const isRefused = quarantined.entries.length > 0;
    const statement = kinds[2 * Number(isSealed) + Number(isRefused)];
    if (statement === undefined) throw new Error("There is no statement for this batch.");
    return statement({ rows, quarantined, batchKeys: batch.batchKeys });
  };
}

/** What a batch has beside rows. */
interface Kind {
  readonly sealed: boolean;
  readonly refused: boolean;
}

/**
 * `claimed` inserts the ledger's entries, in the order of their ids, so that two writers with the
 * same messages wait for each other and never deadlock. Everything else is written only for the
 * records it returns, in the order of their ids, because keys that arrive in order fill their index
 * pages. ON CONFLICT names no column because that would need SELECT on it.
 *
 * The caller deletes the messages once this has committed, so the commit must outlive a crash of the
 * server: where `synchronous_commit` is off, it is turned on for this transaction.
 */
function createStatement(
  contract: AnyContract,
  { sealed, refused }: Kind,
): (given: Given) => QueryConfig {
  const parameters = createParameters();
  const row = placeInputs(parameters, ({ rows }) => rows);
  const decided = [decide(row, "row")];
  const inserts = [
    insert(tableOf(contract), { ...row, ...valueInputs(parameters, contract) }, claimedOnly(row)),
  ];
  if (sealed) inserts.push(...sealedInserts(parameters, row));
  if (refused) {
    const place = placeInputs(parameters, ({ quarantined }) => quarantined);
    decided.push(decide(place, "quarantined"));
    inserts.push(...quarantineInserts(parameters, contract, place));
  }
  if (sealed || refused) inserts.push(insert(batchKey, keyInputs(parameters), anyClaimed));
  const text = `WITH claimed AS (
  INSERT INTO maskline.ledger (message_id, record_id, outcome)
  SELECT message_id, record_id, outcome FROM (${decided.join(" UNION ALL ")}) AS decided
  ORDER BY message_id
  ON CONFLICT DO NOTHING
  RETURNING record_id, outcome
), ${inserts.map((statement, index) => `insert_${index + 1} AS (\n  ${statement}\n)`).join(", ")}
SELECT
  (count(*) FILTER (WHERE outcome = 'row'))::integer AS written,
  (count(*) FILTER (WHERE outcome = 'quarantined'))::integer AS quarantined,
  CASE current_setting('synchronous_commit')
    WHEN 'off' THEN set_config('synchronous_commit', 'on', true)
  END
FROM claimed`;
  // A named statement is parsed once a connection.
  const name = `maskline_write${sealed ? "_sealed" : ""}${refused ? "_refused" : ""}`;
  return (given) => ({ name, text, values: parameters.encode(given) });
}

function decide({ message_id: message, record_id: record }: PlaceInputs, outcome: string): string {
  return `SELECT message_id, record_id, '${outcome}'::maskline.outcome AS outcome
    FROM unnest(${message.parameter.place}, ${record.parameter.place}) AS given (message_id, record_id)`;
}

const anyClaimed = "EXISTS (SELECT FROM claimed) ON CONFLICT DO NOTHING";

/** A batch without the messages that stand in it twice. */
interface Given {
  readonly rows: Distinct<Row>;
  readonly quarantined: Distinct<QuarantineRow>;
  readonly batchKeys: readonly BatchKeyRow[];
}

/** Rows, and beside them the UUIDs that their message ids are stored as. */
interface Distinct<Entry> {
  readonly entries: readonly Entry[];
  readonly messageUuids: readonly string[];
}

/** Leaves out the rows whose message was seen before. */
function firstOnly<Entry extends { readonly messageId: string }>(
  all: readonly Entry[],
  seen: Set<string>,
): Distinct<Entry> {
  const entries: Entry[] = [];
  const messageUuids: string[] = [];
  for (const entry of all) {
    const uuid = toMessageUuid(entry.messageId);
    if (seen.has(uuid)) continue;
    seen.add(uuid);
    entries.push(entry);
    messageUuids.push(uuid);
  }
  return { entries, messageUuids };
}

/** What a column is written from: one element of a parameter, or a constant. */
interface Input {
  /** In a SELECT from the parameters of its statement. */
  readonly expression: string;
  /** Null for a constant. */
  readonly parameter: { readonly alias: string; readonly place: string } | null;
}

type ParameterInput = Input & { readonly parameter: NonNullable<Input["parameter"]> };

interface Parameters {
  /** @param cast - The type that the element is turned into, where it is sent as another. */
  readonly add: <T>(
    type: ArrayType<T>,
    valuesOf: (given: Given) => readonly (T | null)[],
    cast?: string,
  ) => ParameterInput;
  readonly encode: (given: Given) => Buffer[];
}

function createParameters(): Parameters {
  const encoders: ((given: Given) => Buffer)[] = [];
  return {
    add(type, valuesOf, cast) {
      const number = encoders.push((given) => type.encode(valuesOf(given)));
      const alias = `value_${number}`;
      return {
        expression: cast === undefined ? alias : `${alias}::${cast}`,
        parameter: { alias, place: `$${number}::${type.element}[]` },
      };
    },
    encode: (given) => encoders.map((encode) => encode(given)),
  };
}

interface Place {
  readonly recordId: string;
  readonly sentAtMs: number;
}

type PlaceInputs = Readonly<
  Record<"message_id" | "record_id" | "sent_at" | "create_date", ParameterInput>
>;

/** What rows and quarantine records have of a message's delivery. */
function placeInputs({ add }: Parameters, of: (given: Given) => Distinct<Place>): PlaceInputs {
  return {
    message_id: add(uuidArray, (given) => of(given).messageUuids),
    record_id: add(uuidArray, (given) => of(given).entries.map((entry) => entry.recordId)),
    sent_at: add(timestamptzArray, (given) => of(given).entries.map((entry) => entry.sentAtMs)),
    create_date: add(utcDateArray, (given) => of(given).entries.map((entry) => entry.sentAtMs)),
  };
}

/** What else the contract's table takes: its columns' values, by the contract's own order. */
function valueInputs({ add }: Parameters, { columns }: AnyContract): Record<string, Input> {
  const values = columns.filter(({ from }) => from.kind !== "system");
  return Object.fromEntries(
    values.map((column) => {
      const { type, cast } = arrayOf(column);
      const { name } = column;
      return [name, add(type, ({ rows }) => rows.entries.map((row) => row.columns[name]), cast)];
    }),
  );
}

interface ColumnArray {
  readonly type: ArrayType<unknown>;
  readonly cast?: string;
}

/** What a contract's values are sent as; of a type that is not here, as their text. */
const arrayTypes: Readonly<Record<string, ColumnArray["type"]>> = {
  varchar: textArray as ArrayType<unknown>,
  integer: int4Array as ArrayType<unknown>,
  bigint: int8Array as ArrayType<unknown>,
  boolean: booleanArray as ArrayType<unknown>,
  uuid: uuidArray as ArrayType<unknown>,
};

/** A cast says no length: to `varchar(32)` it would cut in silence what the assignment refuses. */
function arrayOf({ sqlType }: Column): ColumnArray {
  const name = sqlType.replace(/\(.*/, "");
  const type = arrayTypes[name];
  return type === undefined ? { type: textArray as ArrayType<unknown>, cast: name } : { type };
}

function sealedInserts({ add }: Parameters, row: PlaceInputs): string[] {
  const sealed = add(byteaArray, ({ rows }) =>
    rows.entries.map((entry) => entry.vault?.sealed ?? null),
  );
  const seeds = add(byteaArray, ({ rows }) =>
    rows.entries.map((entry) => entry.vault?.seed ?? null),
  );
  const where = (input: ParameterInput): string =>
    `${input.parameter.alias} IS NOT NULL AND ${claimedOnly(row)}`;
  return [
    insert(vault, { ...row, sealed }, where(sealed)),
    insert(seed, { ...row, seed: seeds }, where(seeds)),
  ];
}

/** What one column of the quarantine is written from. */
function ofRefused<T>(valueOf: (entry: QuarantineRow) => T): (given: Given) => T[] {
  return ({ quarantined }) => quarantined.entries.map(valueOf);
}

function quarantineInserts(
  { add }: Parameters,
  contract: AnyContract,
  refused: PlaceInputs,
): string[] {
  const inputs = {
    ...refused,
    contract: { expression: escapeLiteral(contract.name), parameter: null },
    reason: add(
      textArray,
      ofRefused(({ reason }) => reason),
    ),
    sql_state: add(
      textArray,
      ofRefused(({ sqlState }) => sqlState),
    ),
    subject_tag: add(
      textArray,
      ofRefused(({ subjectTag }) => subjectTag),
    ),
    sealed: add(
      byteaArray,
      ofRefused(({ sealed }) => sealed),
    ),
  };
  const seeds = add(
    byteaArray,
    ofRefused((entry) => entry.seed),
  );
  return [
    insert(quarantine, inputs, claimedOnly(refused)),
    insert(seed, { ...refused, seed: seeds }, claimedOnly(refused)),
  ];
}

function keyInputs({ add }: Parameters): Record<string, Input> {
  return {
    id: add(uuidArray, ({ batchKeys }) => batchKeys.map((key) => key.id)),
    recipient: add(textArray, ({ batchKeys }) => batchKeys.map((key) => key.recipient)),
    sealed: add(byteaArray, ({ batchKeys }) => batchKeys.map((key) => key.sealed)),
  };
}

function claimedOnly({ record_id: record }: PlaceInputs): string {
  return `${record.expression} IN (SELECT record_id FROM claimed) ORDER BY ${record.expression}`;
}

/**
 * Fills a table's columns from the inputs of their names; one that has a default may have none.
 *
 * @throws Error if nothing is written to a column that needs it: at start, not at the first message.
 */
function insert(table: PgTable, inputs: Readonly<Record<string, Input>>, rest: string): string {
  const { schema = "public", name: tableName, columns } = pgCore.getTableConfig(table);
  const written = columns.flatMap(({ name, notNull, hasDefault }) => {
    const input = inputs[name];
    if (input !== undefined) return [{ name, input }];
    if (notNull && !hasDefault) throw new Error(`Nothing is written to ${tableName}.${name}.`);
    return [];
  });
  const taken = written.flatMap(({ input }) => (input.parameter === null ? [] : [input.parameter]));
  return `INSERT INTO ${schema}.${escapeIdentifier(tableName)} (${written.map(({ name }) => escapeIdentifier(name)).join(", ")})
  SELECT ${written.map(({ input }) => input.expression).join(", ")}
  FROM unnest(${taken.map(({ place }) => place).join(", ")}) AS given (${taken.map(({ alias }) => alias).join(", ")})
  WHERE ${rest}`;
}
