/** What a contract is once it is defined, and the types that follow from it. */
import type { NormId, Token } from "@org/masking";

import type { FieldTree, FlatFields } from "./field-tree.ts";
import type { FieldKind, FieldSpec, KindValues } from "./fields.ts";

export type FieldSpecs = Readonly<Record<string, FieldSpec>>;

/** What the author of a contract writes. */
export interface Definition<
  Fields extends FieldTree = FieldSpecs,
  Computed extends FieldSpecs = FieldSpecs,
> {
  /** By which it is chosen, and which `not_a_<name>` speaks of. The table's name, unless said. */
  readonly name?: string;
  /** The table of its rows. Bound into every sealed record: rows sealed under one name open under no other. */
  readonly table: string;
  /** By name, as the message has them: what is nested in it may be nested here, or named by its path. */
  readonly fields: Fields;
  /**
   * Columns computed from the plain fields, by column. Of what `from` returns, null is a value that
   * the fields do not have (counted as `<column>_not_<type>`), undefined that there is nothing to
   * compute from. What the type does not take becomes null.
   */
  readonly computed?: {
    readonly [C in keyof Computed]: {
      readonly type: Computed[C];
      readonly from: (fields: PlainFields<FlatFields<Fields>>) => ComputedValue<Computed[C]>;
    };
  };
}

type ComputedValue<S extends FieldSpec> = KindValues[S["kind"]] | null | undefined;

/** {@link Definition}, its fields by their flat names, and what its functions take forgotten. */
interface Defined<Fields extends FieldSpecs, Computed extends FieldSpecs> {
  readonly name?: string;
  readonly table: string;
  readonly fields: Fields;
  readonly computed?: {
    readonly [C in keyof Computed]: {
      readonly type: Computed[C];
      readonly from: (fields: never) => ComputedValue<Computed[C]>;
    };
  };
}

/** A field of a message. */
export interface Field {
  /** Its keys, joined by `_`. */
  readonly name: string;
  /** Where samples have it; a parser takes it wherever its name leads. */
  readonly path: readonly string[];
  readonly kind: FieldKind;
  readonly isOptional: boolean;
  readonly isMasked: boolean;
  /** Null for a plain field. */
  readonly norm: NormId | null;
  /** More tokens of a masked field, by token field. */
  readonly views: Readonly<Record<string, NormId>>;
  readonly column: string;
  /** In code points; null where nothing but the body bounds it. */
  readonly max: number | null;
  readonly precision: number | null;
  readonly scale: number | null;
  readonly usual: RegExp | null;
  readonly examples: readonly string[];
}

/** A column of the message's table. */
export interface Column {
  readonly name: string;
  /** As PostgreSQL takes it: `varchar(128)`, `integer`, `timestamptz`. */
  readonly sqlType: string;
  readonly isNullable: boolean;
  readonly from:
    | { readonly kind: "field"; readonly name: string }
    | { readonly kind: "computed"; readonly name: string }
    | { readonly kind: "token"; readonly field: string }
    /** Of the message's delivery: every table of messages has these. */
    | { readonly kind: "system" };
}

/** All that is known of one kind of message. Frozen; everything else follows from it. */
export interface Contract<
  Fields extends FieldSpecs = FieldSpecs,
  Computed extends FieldSpecs = FieldSpecs,
> {
  readonly name: string;
  /** The table, and the label that every sealed record is bound to. */
  readonly table: string;
  /** The field that says whose message it is. */
  readonly subject: string;
  readonly fields: readonly Field[];
  readonly columns: readonly Column[];
  /** What a tokenizer is made of: each masked field and each view, and its norm. */
  readonly tokenFields: Readonly<Record<TokenFieldOf<Fields>, NormId>>;
  /** Every reason for which a body can be refused. */
  readonly reasons: readonly string[];
  /** Every form that is taken, but worth counting. */
  readonly oddities: readonly string[];
  readonly definition: Defined<Fields, Computed>;
}

/** A contract of which no more is known at compile time. */
export type AnyContract = Contract;

type FieldsOf<C extends AnyContract> = C["definition"]["fields"];
type ComputedOf<C> = C extends Contract<FieldSpecs, infer Computed> ? Computed : never;

type OrNull<S extends FieldSpec> = S["isOptional"] extends false ? never : null;
type ValueOf<S extends FieldSpec> = KindValues[S["kind"]] | OrNull<S>;

type MaskedFieldOf<Fields extends FieldSpecs> = {
  [F in keyof Fields & string]: Fields[F]["norm"] extends null ? never : F;
}[keyof Fields & string];

/** None, where any could be there: of a contract that is loaded, every column is in {@link FieldColumns}. */
type ViewOf<Fields extends FieldSpecs> = {
  [F in keyof Fields]: string extends keyof Fields[F]["views"]
    ? never
    : keyof Fields[F]["views"] & string;
}[keyof Fields];

type TokenFieldOf<Fields extends FieldSpecs> = MaskedFieldOf<Fields> | ViewOf<Fields>;

/** The fields that a computed column may be made from: plaintext that is stored anyway. */
type PlainFields<Fields extends FieldSpecs> = {
  readonly [F in keyof Fields as Fields[F]["norm"] extends null ? F : never]: ValueOf<Fields[F]>;
};

/** A message's values by field, under its producer's names. Masked fields are plaintext here: mask before storing. */
export type MessageOf<C extends AnyContract> = {
  readonly [F in keyof FieldsOf<C>]: ValueOf<FieldsOf<C>[F]>;
};

type ColumnOf<F, S extends FieldSpec> = S["column"] extends string
  ? S["column"]
  : null extends S["norm"]
    ? F
    : `masked_${F & string}`;

type FieldColumns<Fields extends FieldSpecs> = {
  readonly [F in keyof Fields as ColumnOf<F, Fields[F]> & string]: null extends Fields[F]["norm"]
    ? ValueOf<Fields[F]>
    : Token | OrNull<Fields[F]>;
};

type ViewColumns<Fields extends FieldSpecs> = {
  readonly [V in ViewOf<Fields> as `masked_${V}`]: {
    [F in keyof Fields]: V extends keyof Fields[F]["views"] ? Token | OrNull<Fields[F]> : never;
  }[keyof Fields];
};

type ComputedColumns<Computed extends FieldSpecs> = {
  readonly [C in keyof Computed]: KindValues[Computed[C]["kind"]] | null;
};

type Flat<T> = { readonly [K in keyof T]: T[K] };

/** A row's values by column, without those of its delivery. A masked column holds tokens: no plaintext fits it. */
export type RowOf<C extends AnyContract> = Flat<
  FieldColumns<FieldsOf<C>> & ViewColumns<FieldsOf<C>> & ComputedColumns<ComputedOf<C>>
>;

/** What can be masked, and looked up by: each masked field and each view. */
export type TokenField<C extends AnyContract> = TokenFieldOf<FieldsOf<C>>;

/** The fields whose originals are sealed. */
export type MaskedField<C extends AnyContract> = MaskedFieldOf<FieldsOf<C>>;
