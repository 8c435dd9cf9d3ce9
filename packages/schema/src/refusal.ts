/** Why a value cannot be taken as its field: what stands behind the field's name in a reason. */

const missing: unique symbol = Symbol("missing");
const wrongType: unique symbol = Symbol("wrong_type");
const tooLong: unique symbol = Symbol("too_long");
const invalid: unique symbol = Symbol("invalid");

/** Symbols, since no value of a field is one. */
export const refusal = { missing, wrongType, tooLong, invalid } as const;

export type Refusal = (typeof refusal)[keyof typeof refusal];
