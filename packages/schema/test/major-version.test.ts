import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { majorVersion } from "../src/major-version.ts";

describe("majorVersion", () => {
  it.each([
    ["0", 0],
    ["9.10", 9],
    ["3.0.1", 3],
    ["007.1", 7],
    ["2147483647.99999999999.1", 2_147_483_647],
  ])("reads %s as %d", (text, major) => {
    expect(majorVersion(text)).toBe(major);
  });

  it("has nothing to say of no text", () => {
    expect(majorVersion(null)).toBeUndefined();
  });

  it.each([
    "",
    ".",
    "1.",
    ".1",
    "1..2",
    "1.2.3.4",
    "-1",
    "+1",
    "1e3",
    "0x1",
    " 1",
    "1\n",
    "1\n2",
    "v1.2",
    "5.0.0-beta",
    "\u0662.\u0663",
    "\uff11",
  ])("has no number for %j", (text) => {
    expect(majorVersion(text)).toBeNull();
  });

  it("is the first of up to three numbers, whatever they are", () => {
    const part = fc.nat({ max: 2_147_483_647 });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), (parts) => {
        expect(majorVersion(parts.join("."))).toBe(parts[0]);
      }),
    );
  });
});
