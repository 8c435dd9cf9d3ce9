/** What a contract says of one field: its type, its place, and what becomes of it. */
import type { NormId } from "@org/masking";

/** The TypeScript type of each kind of field. */
export interface KindValues {
  text: string;
  integer: number;
  bigint: bigint;
  /** The digits, as PostgreSQL prints them: a double would lose some. */
  numeric: string;
  boolean: boolean;
  /** RFC 3339, in UTC, to the microsecond. */
  timestamp: string;
  /** In lower case. */
  uuid: string;
}

export type FieldKind = keyof KindValues;
export type Value = KindValues[FieldKind];

export interface FieldOptions {
  /** The column's name, where it does not follow from the field's. */
  readonly column?: string;
  /** What samples are made from: one is picked, and its digits vary. */
  readonly example?: string | readonly string[];
}

export interface TextOptions extends FieldOptions {
  /** In code points, as `varchar(n)` counts them. */
  readonly max: number;
  /** What it looks like as a rule: anything else is taken, and counted as `<field>_unusual`. */
  readonly usual?: RegExp;
}

export interface NumericOptions extends FieldOptions {
  /** As in `numeric(precision, scale)`: what does not fit without rounding is refused. */
  readonly precision?: number;
  readonly scale?: number;
}

export interface MaskedOptions extends Partial<TextOptions> {
  /** More tokens of the same value, by name, each in a column of its own: `{ ip_network: "ip-net/1" }`. */
  readonly views?: Readonly<Record<string, NormId>>;
}

/** A field as its contract says it. Made by the functions below. */
export interface FieldSpec {
  readonly kind: FieldKind;
  /** Null for a plain field, which is stored as sent. */
  readonly norm: NormId | null;
  readonly views: Readonly<Record<string, NormId>>;
  /** Undefined where it follows from the field's name. */
  readonly column: string | undefined;
  readonly isOptional: boolean;
  readonly isSubject: boolean;
  /** Where a contract that nests its fields has it. */
  readonly path?: readonly string[];
  /** All that was said, as it was said. */
  readonly options: Omit<TextOptions, "max"> & { readonly max?: number } & NumericOptions;
}

type ColumnSaid<O> = O extends { readonly column: infer Column extends string }
  ? Column
  : undefined;
type ViewsSaid<O> = O extends { readonly views: infer Views extends object }
  ? keyof Views & string
  : never;

/** What the field functions below return: {@link FieldSpec}, exact in what types follow from. */
export interface Spec<
  Kind extends FieldKind,
  Norm extends NormId | null,
  Options,
> extends FieldSpec {
  readonly kind: Kind;
  readonly norm: Norm;
  readonly views: Readonly<Record<ViewsSaid<Options>, NormId>>;
  readonly column: ColumnSaid<Options>;
  readonly isOptional: false;
  readonly isSubject: false;
}

type Plain<Kind extends FieldKind, Options> = Spec<Kind, null, Options>;

/** Text of at most `max` characters: `varchar(max)`. */
export function text<const O extends TextOptions>(options: O): Plain<"text", O> {
  return plain("text", options);
}

/** A whole number of 32 bits. */
export function integer<const O extends FieldOptions>(options?: O): Plain<"integer", O> {
  return plain("integer", options);
}

/** A whole number of 64 bits, from the digits of the JSON text, in quotes or not. */
export function bigint<const O extends FieldOptions>(options?: O): Plain<"bigint", O> {
  return plain("bigint", options);
}

/** A decimal number, lossless: from the digits of the JSON text, in quotes or not. */
export function numeric<const O extends NumericOptions>(options?: O): Plain<"numeric", O> {
  return plain("numeric", options);
}

/** `true` or `false`. */
export function boolean<const O extends Pick<FieldOptions, "column">>(
  options?: O,
): Plain<"boolean", O> {
  return plain("boolean", options);
}

/** A moment as RFC 3339 writes it, with its offset from UTC. */
export function timestamp<const O extends FieldOptions>(options?: O): Plain<"timestamp", O> {
  return plain("timestamp", options);
}

/** A UUID in 8-4-4-4-12 form. */
export function uuid<const O extends FieldOptions>(options?: O): Plain<"uuid", O> {
  return plain("uuid", options);
}

/**
 * Text that is stored as a token alone; its original goes sealed into the vault.
 *
 * The token's column is `masked_<field>`, unless said.
 *
 * @param norm - What two spellings of one value must share to get one token.
 */
export function masked<const N extends NormId, const O extends MaskedOptions>(
  norm: N,
  options?: O,
): Spec<"text", N, O> {
  return spec("text", norm, options ?? {}) as Spec<"text", N, O>;
}

/** A field that may be null, absent or empty: all three come out as null. */
export function optional<
  S extends FieldSpec & { readonly isOptional: false; readonly isSubject: false },
>(field: S): Omit<S, "isOptional"> & { readonly isOptional: true } {
  return { ...field, isOptional: true };
}

/** The field that says whose message it is: what a person's rows are found and erased by. */
export function subject<S extends FieldSpec & SubjectKind>(
  field: S,
): Omit<S, "isSubject"> & { readonly isSubject: true } {
  return { ...field, isSubject: true };
}

/** Kinds whose text is one and the same in TypeScript and in PostgreSQL. */
export interface SubjectKind {
  readonly kind: "text" | "integer" | "bigint" | "uuid";
  readonly isOptional: false;
}

function plain<Kind extends FieldKind, O extends FieldOptions>(
  kind: Kind,
  options: O | undefined,
): Plain<Kind, O> {
  return spec(kind, null, options ?? {}) as Plain<Kind, O>;
}

function spec(kind: FieldKind, norm: NormId | null, options: MaskedOptions): FieldSpec {
  const { views = {}, column } = options;
  return { kind, norm, views, column, isOptional: false, isSubject: false, options };
}
