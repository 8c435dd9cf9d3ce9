import {
  type AnyContract,
  createParser,
  defineContract,
  masked,
  sampleMessages,
  subject,
  type Value,
} from "@org/schema";
import { normIds } from "@org/masking";
import { describe, expect, it } from "vitest";

import { testContracts } from "./contracts.ts";

const count = 4_000;

function parsedOf(contract: AnyContract): Readonly<Record<string, Value | null>>[] {
  const parse = createParser(contract);
  return sampleMessages(contract, { count, seed: 7 }).flatMap(({ body }) => {
    const parsed = parse(body);
    return parsed.kind === "message" ? [parsed.message] : [];
  });
}

describe.each(testContracts)("the sample messages of $name", (contract) => {
  const messages = sampleMessages(contract, { count, seed: 7 });
  const parse = createParser(contract);

  it("are the same for the same seed, and others for another", () => {
    expect(sampleMessages(contract, { count: 500, seed: 7 })).toEqual(messages.slice(0, 500));
    expect(sampleMessages(contract, { count: 500, seed: 8 })).not.toEqual(messages.slice(0, 500));
  });

  it("are messages without an oddity, but for one wrong shape in a hundred", () => {
    const ends = new Set(
      messages.map(({ body, kind }) => {
        const parsed = parse(body);
        if (parsed.kind === "rejection") return `${kind}: ${parsed.reason}`;
        // What a contract computes is not known to the samples.
        const odd = parsed.oddities.filter((oddity) => !oddity.includes("_not_"));
        return [`${kind}:`, ...odd, parsed.droppedFields].join(" ");
      }),
    );
    expect(ends).toEqual(new Set(["message: 0", `wrong_shape: not_a_${contract.name}`]));
    const wrong = messages.filter(({ kind }) => kind === "wrong_shape");
    expect(wrong.length / count).toBeCloseTo(0.01, 2);
  });

  it("leave out three optional values in ten", () => {
    const parsed = parsedOf(contract);
    for (const { name, isOptional } of contract.fields) {
      const absent = parsed.filter((message) => message[name] === null).length / parsed.length;
      expect(absent).toBeCloseTo(isOptional ? 0.3 : 0, 1);
    }
  });

  it("come again and again from some subjects, with the masked values that these had", () => {
    const parsed = parsedOf(contract);
    const times = new Map<unknown, number>();
    for (const message of parsed) {
      const subject = message[contract.subject];
      times.set(subject, (times.get(subject) ?? 0) + 1);
    }
    expect(1 - times.size / parsed.length).toBeCloseTo(1 / 8, 1);
    expect(Math.max(...times.values())).toBeGreaterThan(3);
  });
});

it.each(normIds)("samples what the norm %s takes", (norm) => {
  const contract = defineContract({ table: "rows", fields: { value: subject(masked(norm)) } });
  expect(parsedOf(contract).length / count).toBeGreaterThan(0.98);
});
