/** From a message to the row that is written: masked fields as tokens, their originals sealed. */
import type { Token } from "@org/masking";
import type { BatchSealer, SealedRecord } from "@org/masking/seal";

import { type Compute, createCompute } from "./compute.ts";
import type { AnyContract, Column, MessageOf, RowOf, TokenField } from "./contract.ts";
import type { Value } from "./fields.ts";
import { fromPositions } from "./shape.ts";

/** What makes tokens; `createTokenizer` of @org/masking makes one of `contract.tokenFields`. */
export interface RowTokenizer<Field extends string> {
  readonly tokenize: (field: Field, value: string) => Token;
}

export interface RowPlace {
  readonly recordId: string;
  /** Null where originals are not kept. */
  readonly sealer: Pick<BatchSealer, "seal"> | null;
}

export interface MaskedRow<Columns> {
  readonly columns: Columns;
  readonly vault: SealedRecord | null;
}

export type ToRow<C extends AnyContract> = (
  message: MessageOf<C>,
  place: RowPlace,
) => MaskedRow<RowOf<C>>;

type Values = Readonly<Record<string, Value | null>>;

/**
 * Builds the one way from a message to its row.
 *
 * Sealed are, by field, every masked value that is there and the subject's: a record says whose it
 * is. It is bound to `contract.table` and the record's id.
 */
export function createToRow<C extends AnyContract>(
  contract: C,
  tokenizer: RowTokenizer<TokenField<C>>,
): ToRow<C> {
  const compute = createCompute(contract);
  const sources = columnSources(contract, tokenizer as RowTokenizer<string>);
  const toColumns = fromPositions(sources.map(({ name }) => name));
  const sealedNames = contract.fields
    .filter(({ name, isMasked }) => isMasked || name === contract.subject)
    .map(({ name }) => name);
  const { table } = contract;
  return (message, { recordId, sealer }) => {
    const values: Values = message;
    const computed = compute(message);
    const row: (Value | null)[] = [];
    for (const { valueOf } of sources) row.push(valueOf(values, computed));
    return {
      columns: toColumns(row) as RowOf<C>,
      vault: sealer?.seal({ table, recordId }, originals(values, sealedNames)) ?? null,
    };
  };
}

/** Who a message, or the originals of a record, speak of: as text, the same as the row's. */
export function subjectOf(
  { subject }: Pick<AnyContract, "subject">,
  values: Readonly<Record<string, unknown>>,
): string {
  return String(values[subject]);
}

interface ColumnSource {
  readonly name: string;
  readonly valueOf: (values: Values, computed: ReturnType<Compute>) => Value | null;
}

function columnSources(
  { fields, columns, definition }: AnyContract,
  tokenizer: RowTokenizer<string>,
): readonly ColumnSource[] {
  const computed = Object.keys(definition.computed ?? {});
  const original = new Map(
    fields.flatMap(({ name, views }) => [name, ...Object.keys(views)].map((of) => [of, name])),
  );

  function valueOf(from: Column["from"]): ColumnSource["valueOf"] | null {
    if (from.kind === "field") return (values) => values[from.name] ?? null;
    if (from.kind === "computed") {
      const at = computed.indexOf(from.name);
      return (_, results) => results[at] ?? null;
    }
    if (from.kind === "system") return null;
    const field = original.get(from.field) ?? from.field;
    return (values) => {
      const value = values[field];
      return typeof value === "string" ? tokenizer.tokenize(from.field, value) : null;
    };
  }

  return columns.flatMap(({ name, from }) => {
    const source = valueOf(from);
    return source ? { name, valueOf: source } : [];
  });
}

function originals(values: Values, names: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const name of names) {
    const value = values[name];
    if (value !== null && value !== undefined) fields[name] = String(value);
  }
  return fields;
}
