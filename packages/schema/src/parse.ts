/** From the body of a message to its values, or the reason why it is none. */
import { createCompute } from "./compute.ts";
import type { AnyContract, Field, MessageOf } from "./contract.ts";
import { readDocument } from "./document.ts";
import type { Value } from "./fields.ts";
import { type Flat, flatten } from "./flatten.ts";
import { parseKeepingDigits } from "./json-number.ts";
import type { Parsed } from "./outcome.ts";
import { readerOf } from "./read-field.ts";
import { fromPositions } from "./shape.ts";
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
  const fields = contract.fields.map((field) => ({ ...field, read: readerOf(field) }));
  const positions = new Map(fields.map(({ name }, at) => [name, at]));
  const toMessage = fromPositions(fields.map(({ name }) => name));
  const compute = createCompute(contract);
  const uncomputed = Object.entries(contract.definition.computed ?? {}).map(
    ([column, { type }]) => `${column}_not_${type.kind}`,
  );
  const policy = options.unwrap ?? unwrapNothing;
  const parseJson = fields.some(needsDigits) ? parseKeepingDigits : JSON.parse;
  const read = (text: string) => readDocument(text, parseJson);

  const readFields = ({ values, known, others }: Flat, hasMark: boolean): Parsed<MessageOf<C>> => {
    if (known === 0) return reject(`not_a_${contract.name}`);
    const oddities: string[] = [];
    const taken: (Value | null)[] = [];
    for (let at = 0; at < fields.length; at++) {
      const field = fields[at] as (typeof fields)[number];
      const raw = values[at];
      if (raw === undefined || raw === null || raw === "") {
        if (!field.isOptional) return reject(`${field.name}_missing`);
        // Null is a producer's ordinary way of saying that it knows none.
        if (raw !== null) oddities.push(`${field.name}_missing`);
        taken.push(null);
      } else {
        const value = field.read(raw);
        if (typeof value === "symbol") return reject(`${field.name}_${value.description ?? ""}`);
        if (field.usual !== null && !field.usual.test(value as string)) {
          oddities.push(`${field.name}_unusual`);
        }
        taken.push(value);
      }
    }
    const message = toMessage(taken) as MessageOf<C>;
    for (const [at, value] of compute(message).entries()) {
      if (value === null) oddities.push(uncomputed[at] as string);
    }
    if (hasMark) oddities.push("bom");
    return { kind: "message", message, oddities, droppedFields: others };
  };

  return (body, attributeNames = []) => {
    if (isOffloaded(attributeNames)) return reject("payload_in_s3");
    const hasMark = body.startsWith(BYTE_ORDER_MARK);
    const document = read(hasMark ? body.slice(1) : body);
    if (typeof document === "string") return reject(document);
    const message = unwrap(document.value, policy, read);
    if (typeof message === "string") return reject(message);
    const flat = flatten(message, positions);
    return flat === null ? reject("ambiguous_path") : readFields(flat, hasMark);
  };
}

function needsDigits({ kind }: Field): boolean {
  return kind === "numeric" || kind === "bigint";
}

function reject(reason: string): { readonly kind: "rejection"; readonly reason: string } {
  return { kind: "rejection", reason };
}
