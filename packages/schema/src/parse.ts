/** From the body of a message to its values, or the reason why it is none. */
import { isCanonicalizable, type NormId } from "@org/masking";

import { createCompute } from "./compute.ts";
import type { AnyContract, Field, MessageOf } from "./contract.ts";
import { readDocument } from "./document.ts";
import type { Value } from "./fields.ts";
import { flatten } from "./flatten.ts";
import { parseKeepingDigits } from "./json-number.ts";
import { kinds, type ReadValue } from "./kinds.ts";
import type { Parsed } from "./outcome.ts";
import { refusal } from "./refusal.ts";
import { isOffloaded, unwrap, unwrapNothing, type UnwrapPolicy } from "./unwrap.ts";

const BYTE_ORDER_MARK = "\ufeff";

/** The second argument is the names of the message's SQS attributes. */
export type Parse<Message> = (body: string, attributeNames?: readonly string[]) => Parsed<Message>;

/**
 * Builds the parser of a contract's messages.
 *
 * The parser never throws, fetches nothing, and keeps nothing of a body but the contract's fields.
 *
 * @param options.unwrap - Whose envelopes are opened; by default nobody's.
 * @example
 * const parse = createParser(login);
 * parse("{}"); // { kind: "rejection", reason: "not_a_login" }
 */
export function createParser<C extends AnyContract>(
  contract: C,
  options: { readonly unwrap?: UnwrapPolicy } = {},
): Parse<MessageOf<C>> {
  const { fields } = contract;
  const names = fields.map(({ name }) => name);
  const nameSet: ReadonlySet<string> = new Set(names);
  const readers = fields.map(readerOf);
  const computed = createCompute(contract);
  const notOurs = `not_a_${contract.name}`;
  const policy = options.unwrap ?? unwrapNothing;
  const parseJson = fields.some(needsDigits) ? parseKeepingDigits : JSON.parse;
  const read = (text: string) => readDocument(text, parseJson);

  const readFields = (
    flat: ReadonlyMap<string, unknown>,
    hasMark: boolean,
  ): Parsed<MessageOf<C>> => {
    const message: Record<string, Value | null> = {};
    const oddities: string[] = [];
    let known = 0;
    for (const name of names) if (flat.has(name)) known++;
    if (known === 0) return reject(notOurs);
    for (let at = 0; at < names.length; at++) {
      const name = names[at] as string;
      const field = fields[at] as Field;
      const raw = flat.get(name);
      if (raw === undefined || raw === null || raw === "") {
        if (!field.isOptional) return reject(`${name}_missing`);
        // Null is a producer's ordinary way of saying that it knows none.
        if (raw !== null) oddities.push(`${name}_missing`);
        message[name] = null;
      } else {
        const value = (readers[at] as ReadValue)(raw);
        if (typeof value === "symbol") return reject(`${name}_${value.description ?? ""}`);
        if (field.usual !== null && !field.usual.test(value as string))
          oddities.push(`${name}_unusual`);
        message[name] = value;
      }
    }
    for (const { compute, oddity } of computed)
      if (compute(message) === null) oddities.push(oddity);
    if (hasMark) oddities.push("bom");
    return {
      kind: "message",
      message: message as MessageOf<C>,
      oddities,
      droppedFields: flat.size - known,
    };
  };

  return (body, attributeNames = []) => {
    if (isOffloaded(attributeNames)) return reject("payload_in_s3");
    const hasMark = body.startsWith(BYTE_ORDER_MARK);
    const document = read(hasMark ? body.slice(1) : body);
    if (typeof document === "string") return reject(document);
    const message = unwrap(document.value, policy, read);
    if (typeof message === "string") return reject(message);
    const flat = flatten(message, nameSet);
    return flat === null ? reject("ambiguous_path") : readFields(flat, hasMark);
  };
}

/** A value that no token could be made of is refused here, so that masking cannot fail. */
function readerOf(field: Field): ReadValue {
  const read = kinds[field.kind].reader(field);
  if (field.norm === null) return read;
  const norms: readonly NormId[] = [field.norm, ...Object.values(field.views)];
  return (raw) => {
    const value = read(raw);
    if (typeof value !== "string") return value;
    return norms.every((norm) => isCanonicalizable(norm, value)) ? value : refusal.invalid;
  };
}

function needsDigits({ kind }: Field): boolean {
  return kind === "numeric" || kind === "bigint";
}

function reject(reason: string): { readonly kind: "rejection"; readonly reason: string } {
  return { kind: "rejection", reason };
}
