/** How the value of a field is read: as its kind, and so that a token can be made of it. */
import { isCanonicalizable, type NormId } from "@org/masking";

import type { FieldKind } from "./fields.ts";
import { kinds, type Limits, type ReadValue } from "./kinds.ts";
import { refusal } from "./refusal.ts";

interface Readable extends Limits {
  readonly kind: FieldKind;
  readonly norm: NormId | null;
  readonly views: Readonly<Record<string, NormId>>;
}

/** A value that no token could be made of is refused here, so that masking cannot fail. */
export function readerOf(field: Readable): ReadValue {
  const read = kinds[field.kind].reader(field);
  if (field.norm === null) return read;
  const norms = [field.norm, ...Object.values(field.views)];
  return (raw) => {
    const value = read(raw);
    if (typeof value !== "string") return value;
    return norms.every((norm) => isCanonicalizable(norm, value)) ? value : refusal.invalid;
  };
}
