import { type AnyContract, createParser, type Parsed } from "@org/schema";
import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";

import { testContracts } from "./contracts.ts";
import { expectedOf, ordinary, print, type Standing } from "./expected-body.ts";

type Entry = readonly [name: string, standing: Standing];

/** Whether a result is what its type says, in text that PostgreSQL can store. */
function isLawful(contract: AnyContract, parsed: Parsed<object>): boolean {
  if (parsed.kind === "rejection") return contract.reasons.includes(parsed.reason);
  const names = contract.fields.map(({ name }) => name);
  return (
    Object.keys(parsed.message).join() === names.join() &&
    Object.values(parsed.message).every(
      (value) => typeof value !== "string" || isStorable(value),
    ) &&
    parsed.oddities.every((oddity) => contract.oddities.includes(oddity))
  );
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

describe.each(testContracts)("the parser of $name", (contract) => {
  const parse = createParser(contract);
  const { subject } = contract;

  it("opens what is nested in objects and lists down to the names of its fields", () => {
    const nest = (name: string, json = "null"): string => {
      const [first = "", ...rest] = name.split("_");
      const isPath = rest.length > 0 && first !== "" && !rest.includes("");
      return isPath ? `{"${first}":${nest(rest.join("_"), json)}}` : `{"${name}":${json}}`;
    };
    const plain = ordinary(contract);
    const names = contract.fields.map(({ name }) => name);
    const nested = names.filter((name) =>
      names.every((other) => other === name || !name.startsWith(`${other}_`)),
    );
    for (const name of nested) {
      const rest = new Map(plain);
      rest.delete(name);
      const body = `${print(rest).slice(0, -1)},${nest(name, plain.get(name)?.json).slice(1)}`;
      expect({ name, ...parse(body) }).toStrictEqual({ name, ...expectedOf(contract, plain) });
    }
  });

  it("gives every message the same keys in the same order", () => {
    const names = contract.fields.map(({ name }) => name);
    const parsed = parse(print(new Map([...ordinary(contract)].toReversed())));
    expect(parsed.kind === "message" && Object.keys(parsed.message)).toEqual(names);
  });

  describe("where a prototype is polluted", () => {
    afterEach(() => {
      Reflect.deleteProperty(Object.prototype, subject);
    });

    it("reads own properties only", () => {
      const absent = new Map(ordinary(contract)).set(subject, { json: undefined });
      Reflect.defineProperty(Object.prototype, subject, { value: "1.2.3.4", configurable: true });
      expect(parse(print(absent))).toStrictEqual({
        kind: "rejection",
        reason: `${subject}_missing`,
      });
    });
  });

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        expect(isLawful(contract, parse(text))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("never throws, whatever the JSON at its fields", () => {
    const name = fc.constantFrom(...contract.fields.map((field) => field.name));
    const value = fc.oneof(fc.json({ maxDepth: 3 }), fc.double({ noNaN: true }).map(String));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 3 }), (changes) => {
        const changed = changes.map(([at, json]): Entry => [at, { json, value: json }]);
        const body = print(new Map([...ordinary(contract), ...changed]));
        expect(isLawful(contract, parse(body))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});
