/** Computed columns: pure functions of a message's plain fields. */
import type { AnyContract } from "./contract.ts";
import type { Value } from "./fields.ts";
import { kinds, type ReadValue } from "./kinds.ts";
import { createShape } from "./shape.ts";

/**
 * Values by column, in the contract's order. Null stands for a result that the column's type does
 * not take, and for a function that throws; undefined for nothing to compute from.
 */
export type Compute = (message: object) => readonly (Value | null | undefined)[];

/** The functions are given the plain fields alone, so that no plaintext comes into a column by them. */
export function createCompute({ fields, definition }: AnyContract): Compute {
  const plain = fields.filter(({ isMasked }) => !isMasked).map(({ name }) => name);
  const toPlain = createShape(plain, plain);
  const computed = Object.values(definition.computed ?? {}).map(({ type, from }) => ({
    read: kinds[type.kind].reader(type.options),
    from: from as (fields: object) => unknown,
  }));
  if (computed.length === 0) return () => [];
  return (message) => {
    const fields = toPlain(message);
    return computed.map(({ read, from }) => computeOne(from, fields, read));
  };
}

function computeOne(
  from: (fields: object) => unknown,
  fields: object,
  read: ReadValue,
): Value | null | undefined {
  try {
    const result = from(fields);
    if (result === undefined || result === null) return result;
    const value = read(result);
    return typeof value === "symbol" ? null : value;
  } catch {
    return null;
  }
}
