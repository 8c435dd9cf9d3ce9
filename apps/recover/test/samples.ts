/** Messages of any contract, no two of which share a subject or a masked value. */

import { type AnyContract, createParser, type MessageOf, sampleMessages } from "@org/schema";

export type Message = MessageOf<AnyContract>;

export interface Samples {
  /** With a value in every field. */
  readonly next: () => Message;
}

export function createSamples(contract: AnyContract): Samples {
  const parse = createParser(contract);
  const seen = new Set<unknown>();
  const personal = contract.fields.filter(
    ({ name, isMasked }) => isMasked || name === contract.subject,
  );
  const found: Message[] = [];
  let seed = 1;

  function isFresh(message: Message): boolean {
    const isWhole = Object.values(message).every((value) => value !== null);
    const values = personal.map(({ name }) => message[name]);
    if (!isWhole || values.some((value) => seen.has(value))) return false;
    for (const value of values) seen.add(value);
    return true;
  }

  return {
    next() {
      while (found.length === 0) {
        for (const { body } of sampleMessages(contract, { count: 500, seed: seed++ })) {
          const parsed = parse(body);
          if (parsed.kind === "message" && isFresh(parsed.message)) found.push(parsed.message);
        }
      }
      return found.shift() as Message;
    },
  };
}

/** A message as its producer sends it. */
export function bodyOf(message: Message): string {
  return JSON.stringify(message, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
}
