import { describe, expect, it } from "vitest";
import { parseOptions, UsageError } from "../src/options.ts";

describe("parseOptions", () => {
  it("has a default for everything", () => {
    expect(parseOptions([])).toEqual({
      messages: 1_000,
      seed: 1,
      json: false,
      keep: false,
      contract: "login",
      help: false,
    });
  });

  it("reads what is given", () => {
    const args = ["--messages", "20", "--seed=7", "--json", "--keep", "--contract=a.ts"];
    expect(parseOptions(args)).toEqual({
      messages: 20,
      seed: 7,
      json: true,
      keep: true,
      contract: "a.ts",
      help: false,
    });
  });

  it.each([
    ["--messages", "0"],
    ["--messages", "1000001"],
    ["--messages", "many"],
    ["--messages", "1e3"],
    ["--seed", "-1"],
    ["--seed", "4294967296"],
    ["--speed", "7"],
    ["--json", "extra"],
  ])("refuses %s %s", (...args) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
  });
});
