/** From a message to the row that is written: masked fields as tokens, their originals sealed. */
import type { Token } from "@org/masking";
import type { BatchSealer, SealedRecord } from "@org/masking/seal";

import { createCompute } from "./compute.ts";
import type { AnyContract, MessageOf, RowOf, TokenField } from "./contract.ts";
import type { Value } from "./fields.ts";
import { createShape } from "./shape.ts";

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
  const sources = columnSources(contract, tokenizer as RowTokenizer<string>);
  const sealedNames = contract.fields
    .filter(({ name, isMasked }) => isMasked || name === contract.subject)
    .map(({ name }) => name);
  const toColumns = createShape<RowOf<C>>(sources.map(({ name }) => name));
  const { table } = contract;
  return (message, { recordId, sealer }) => {
    const values = message as Values;
    return {
      columns: toColumns(valuesOf(sources, values)),
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
  readonly valueOf: (values: Values) => Value | null;
}

function columnSources(
  contract: AnyContract,
  tokenizer: RowTokenizer<string>,
): readonly ColumnSource[] {
  const computed = new Map(createCompute(contract).map((each) => [each.column, each.compute]));
  const original = new Map(
    contract.fields.flatMap((field) =>
      [field.name, ...Object.keys(field.views)].map((name) => [name, field.name]),
    ),
  );
  return contract.columns.flatMap(({ name, from }): ColumnSource[] => {
    switch (from.kind) {
      case "field":
        return [{ name, valueOf: (values) => values[from.name] ?? null }];
      case "computed": {
        const compute = computed.get(name);
        return compute ? [{ name, valueOf: (values) => compute(values) ?? null }] : [];
      }
      case "token": {
        const field = original.get(from.field) ?? from.field;
        return [
          {
            name,
            valueOf(values) {
              const value = values[field];
              return typeof value === "string" ? tokenizer.tokenize(from.field, value) : null;
            },
          },
        ];
      }
      case "system":
        return [];
    }
  });
}

function valuesOf(sources: readonly ColumnSource[], values: Values): readonly unknown[] {
  const row: unknown[] = [];
  for (const { valueOf } of sources) row.push(valueOf(values));
  return row;
}

function originals(values: Values, names: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const name of names) {
    const value = values[name];
    if (value !== null && value !== undefined) fields[name] = String(value);
  }
  return fields;
}
