import { createTokenizer } from "@org/masking";
import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
import { createParser, sampleMessages } from "@org/schema";
import { served } from "@org/schema/test-contracts";
import { describe, expect, it } from "vitest";

import { createCanaries, spelledValues } from "../src/canaries.ts";

describe.each(served)("canaries of $name", async ({ contract }) => {
  const canaries = createCanaries(contract);
  const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });
  const tokenizer = createTokenizer(keyring, { tenant: "test", fields: contract.tokenFields });

  it("are values of every masked field", () => {
    const masked = contract.fields.filter(({ isMasked }) => isMasked);
    expect(Object.keys(canaries.values)).toEqual(masked.map((field) => field.name));
  });

  it("hold a mark each, and none of another run", () => {
    for (const value of Object.values(canaries.values).flat(2)) {
      expect(canaries.marks.some((mark) => Buffer.from(value).includes(Buffer.from(mark)))).toBe(
        true,
      );
    }
    const ofAnother = createCanaries(contract).marks.map((mark) =>
      Buffer.from(mark).toString("hex"),
    );
    for (const mark of canaries.marks) {
      expect(ofAnother).not.toContain(Buffer.from(mark).toString("hex"));
    }
  });

  it("get one token in every spelling, and another for every value", () => {
    for (const [field, values] of Object.entries(canaries.values)) {
      const tokens = values.map((spelled) => {
        const ofEach = new Set(spelled.map((value) => tokenizer.tokenize(field, value)));
        expect(ofEach.size).toBe(1);
        return [...ofEach][0];
      });
      expect(new Set(tokens).size).toBe(values.length);
    }
  });

  it("make messages that the contract takes", () => {
    const parse = createParser(contract);
    const values = spelledValues(canaries);
    const samples = sampleMessages(contract, { count: 200, seed: 1, values });
    const messages = samples.filter(({ kind }) => kind === "message");
    expect(messages.map(({ body }) => parse(body).kind)).toEqual(messages.map(() => "message"));
  });
});
