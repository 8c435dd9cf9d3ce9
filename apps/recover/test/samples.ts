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
  const sources = contract.fields.map((field) => ({ ...field, found: [] as unknown[] }));
  const seen = new Set<string>();
  let seed = 1;

  /** Of what tells people apart, each value once: two spellings of one are one. */
  function isFresh({ name, norm }: (typeof sources)[number], value: unknown): boolean {
    if (norm === null && name !== contract.subject) return true;
    const text = String(value);
    const key = norm === null ? text : Buffer.from(canonicalize(norm, text)).toString("hex");
    const isNew = !seen.has(`${name} ${key}`);
    seen.add(`${name} ${key}`);
    return isNew;
  }

  function fill(): void {
    for (const { body } of sampleMessages(contract, { count: 200, seed: seed++ })) {
      const parsed = parse(body);
      if (parsed.kind !== "message") continue;
      for (const source of sources) {
        const value: unknown = parsed.message[source.name];
        if (value === null || value === undefined) continue;
        if (isFresh(source, value)) source.found.push(value);
        // A contract's examples may be few.
        else if (source.norm === "exact/1" && typeof value === "string")
          source.found.push(`${value} ${seen.size}`);
      }
    }
  }

  return {
    next() {
      while (sources.some(({ found }) => found.length === 0)) fill();
      return Object.fromEntries(sources.map(({ name, found }) => [name, found.shift()])) as Message;
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

/** By norm, what it refuses, and two spellings of one value. */
const spellings: Readonly<Partial<Record<NormId, Spelling>>> = {
  "ip/1": { refused: "192.0.2.010", one: "192.0.2.10", another: "::ffff:192.0.2.10" },
  "email/1": { refused: "nobody", one: "ada@example.com", another: "ada@EXAMPLE.com" },
};

export interface Spelling {
  readonly refused: string;
  readonly one: string;
  readonly another: string;
}

/** A masked field whose norm is not that of bytes. */
export function strictFieldOf({ fields }: AnyContract): Spelling & { readonly field: string } {
  for (const { name, norm } of fields) {
    const spelling = norm === null ? undefined : spellings[norm];
    if (spelling !== undefined) return { ...spelling, field: name };
  }
  throw new Error("No field of the contract takes one value in two spellings.");
}
