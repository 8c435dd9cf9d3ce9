/** Messages of any contract, no two of which share a subject or a masked value. */

import { canonicalize, type NormId } from "@org/masking";
import { type AnyContract, createParser, type MessageOf, sampleMessages } from "@org/schema";

export type Message = MessageOf<AnyContract>;

export interface Samples {
  /** With a value in every field. */
  readonly next: () => Message;
}

export function createSamples(contract: AnyContract): Samples {
  const parse = createParser(contract);
  const seen = new Set<string>();
  const personal = contract.fields.filter(
    ({ name, isMasked }) => isMasked || name === contract.subject,
  );
  /** Two spellings of one value are one. */
  const keyOf = ({ name, norm }: (typeof personal)[number], message: Message): string => {
    const value = String(message[name]);
    const canonical =
      norm === null ? value : Buffer.from(canonicalize(norm, value)).toString("hex");
    return `${name} ${canonical}`;
  };
  const found: Message[] = [];
  let seed = 1;

  function isFresh(message: Message): boolean {
    const isWhole = Object.values(message).every((value) => value !== null);
    if (!isWhole) return false;
    const keys = personal.map((field) => keyOf(field, message));
    if (keys.some((key) => seen.has(key))) return false;
    for (const key of keys) seen.add(key);
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

const numbered: Readonly<Partial<Record<NormId, (number: number) => string>>> = {
  "ip/1": (number) => `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`,
  "exact/1": (number) => `value-${number}`,
};

/** Changes that give a message masked values of its own, for where samples would take too long to make. */
export function numberedValues({ fields }: AnyContract, number: number): Partial<Message> {
  return Object.fromEntries(
    fields.flatMap(({ name, norm }) => {
      const value = norm === null ? undefined : numbered[norm]?.(number);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
