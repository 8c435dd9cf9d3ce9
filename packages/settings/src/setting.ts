/** One setting: how its text is read, what an unset one stands for, and what to say about a fault. */

export type Environment = Readonly<Record<string, string | undefined>>;

/** Turns a text into a value. */
export interface Reader<Value> {
  /** Null for a text that is no such value. */
  readonly read: (text: string, environment: Environment) => Value | null;
  /** What a good text looks like, for the advice; empty where only the setting itself can say. */
  readonly form: string;
}

export interface Setting<Value> {
  readonly read: Reader<Value>["read"];
  /** What an unset setting stands for; null: it must be set. */
  readonly unset: { readonly value: Value } | null;
  /** Whether a text that is no value ends the start, or is warned of and counts as unset. */
  readonly unusable: "refused" | "ignored";
  /** What to do about a fault: printed beside the name, instead of the value. */
  readonly advice: string;
}

/** @param about - What the setting is; what a good text looks like, the reader adds. */
export function required<Value>(reader: Reader<Value>, about: string): Setting<Value> {
  return { read: reader.read, unset: null, unusable: "refused", advice: advise(reader, about) };
}

export function optional<Value>(reader: Reader<Value>, about: string): Setting<Value | null> {
  return { ...required<Value | null>(reader, about), unset: { value: null } };
}

export function withDefault<Value>(
  value: Value,
  reader: Reader<Value>,
  about: string,
): Setting<Value> {
  return { ...required(reader, about), unset: { value } };
}

/** For what others define, OpenTelemetry: a text that is not known here is warned of, and counts as unset. */
export function whereKnown<Value>(reader: Reader<Value>, about: string): Setting<Value | null> {
  return { ...optional(reader, about), unusable: "ignored" };
}

function advise({ form }: Reader<unknown>, about: string): string {
  return [about, form].filter((part) => part !== "").join("; ");
}
