/** Sample messages of any contract, in the real queue's proportions. */
import type { AnyContract } from "../contract.ts";
import { createRandom, type Random } from "./random.ts";
import { createSampler } from "./sample-value.ts";

export interface SampleMessage {
  readonly body: string;
  readonly kind: "message" | "wrong_shape";
}

export interface SampleOptions {
  readonly count: number;
  /** The same seed gives the same messages: of a greater count, the first are those of a lesser. */
  readonly seed: number;
  /** What to pick the values of some text fields from; the contract makes the others up. */
  readonly values?: Readonly<Record<string, readonly string[]>>;
}

const wrongShape = JSON.stringify({ foo: "oops_wrong_msg_type", bar: "123" });

/**
 * Makes `count` messages from nothing but their contract.
 *
 * One in 100 has a wrong shape; an optional value is null three times in ten. One in eight repeats
 * the subject and the masked values of a message before it, every other time but for one value.
 */
export function sampleMessages(
  contract: AnyContract,
  { count, seed, values = {} }: SampleOptions,
): SampleMessage[] {
  const random = createRandom(seed);
  const sample = createMessageSampler(contract, random, values);
  return Array.from({ length: count }, () =>
    random.chance(1, 100)
      ? { body: wrongShape, kind: "wrong_shape" }
      : { body: sample(), kind: "message" },
  );
}

function createMessageSampler(
  { fields, subject }: AnyContract,
  random: Random,
  given: NonNullable<SampleOptions["values"]>,
): () => string {
  const samplers = fields.map((field) => {
    const texts = Object.hasOwn(given, field.name) ? given[field.name] : undefined;
    const sample = texts ? () => JSON.stringify(random.pick(texts)) : createSampler(field, random);
    return { ...field, sample };
  });
  const isPersonal = fields.map(({ name, isMasked }) => isMasked || name === subject);
  const movable = [...fields.keys()].filter((at) => isPersonal[at] && fields[at]?.name !== subject);
  /** The values of each message by position, as JSON text. */
  const seen: (readonly string[])[] = [];

  return () => {
    const known = seen.length > 0 && random.chance(1, 8) ? random.pick(seen) : null;
    const moved = movable.length > 0 && random.chance(1, 2) ? random.pick(movable) : null;
    const values = samplers.map(({ isOptional, sample }, at) => {
      const again = isPersonal[at] && at !== moved ? known?.[at] : undefined;
      return again ?? (isOptional && random.chance(3, 10) ? "null" : sample());
    });
    seen.push(values);
    return print(samplers.map(({ path }, at) => ({ path, json: values[at] ?? "null" })));
  };
}

interface Member {
  readonly path: readonly string[];
  readonly json: string;
}

/** Nested as the contract nests its fields. */
function print(members: readonly Member[], depth = 0): string {
  const byKey = Map.groupBy(members, ({ path }) => path[depth] ?? "");
  const printed = Array.from(byKey, ([key, group]) => {
    const leaf = group.find(({ path }) => path.length === depth + 1);
    return `${JSON.stringify(key)}:${leaf?.json ?? print(group, depth + 1)}`;
  });
  return `{${printed.join()}}`;
}
