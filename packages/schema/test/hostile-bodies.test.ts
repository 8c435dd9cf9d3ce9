import { createParser } from "@org/schema";
import { describe, expect, it } from "vitest";

import { testContracts } from "./contracts.ts";
import { generatedBodies } from "./generated-bodies.ts";
import { hostileBodies } from "./hostile-bodies.ts";

describe.each(testContracts)("the hostile bodies of $name", (contract) => {
  const bodies = hostileBodies(contract);

  it.each([
    { of: "listed", some: bodies },
    { of: "generated", some: generatedBodies(contract, { count: 2_000, seed: 2 }) },
  ])("come each to its one right end: $of", ({ some }) => {
    for (const { name, body, attributeNames, unwrap, expected } of some) {
      const parse = createParser(contract, { ...(unwrap && { unwrap }) });
      expect({ name, ...parse(body, attributeNames) }).toStrictEqual({ name, ...expected });
    }
  });

  it("end in every way in which a body can, and in no other", () => {
    const ends = bodies.flatMap(({ expected }) =>
      expected.kind === "rejection" ? expected.reason : expected.oddities,
    );
    expect(new Set(ends)).toEqual(new Set([...contract.reasons, ...contract.oddities]));
  });
});
