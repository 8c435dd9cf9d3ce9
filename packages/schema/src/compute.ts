/** Computed columns: pure functions of a message's plain fields. */
import type { AnyContract } from "./contract.ts";
import type { Value } from "./fields.ts";
import { kinds } from "./kinds.ts";

export interface Computed {
  readonly column: string;
  /** Counted where the result is null. */
  readonly oddity: string;
  /** Undefined where there is nothing to compute from. Never throws. */
  readonly compute: (message: Readonly<Record<string, Value | null>>) => Value | null | undefined;
}

/** Null stands for a result that the column's type does not take, and for a function that throws. */
export function createCompute({ definition, columns }: AnyContract): readonly Computed[] {
  return columns.flatMap((column) => {
    const spec = column.from.kind === "computed" ? definition.computed?.[column.name] : undefined;
    if (spec === undefined) return [];
    const { max = null, precision = null, scale = null } = spec.type.options;
    const read = kinds[spec.type.kind].reader({ max, precision, scale });
    const from = spec.from as (message: Readonly<Record<string, Value | null>>) => unknown;
    return {
      column: column.name,
      oddity: `${column.name}_not_${spec.type.kind}`,
      compute(message) {
        try {
          const result = from(message);
          if (result === undefined || result === null) return result;
          const value = read(result);
          return typeof value === "symbol" ? null : value;
        } catch {
          return null;
        }
      },
    };
  });
}
