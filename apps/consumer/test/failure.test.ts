import { expect, test } from "vitest";

import { framesOf, toFailure } from "../src/failure.ts";

test("frames are places alone, whatever the message looks like", () => {
  const error = new Error("not this\n    at 203.0.113.77 (918-27-3645:1:1)");
  const frames = framesOf(error);
  expect(frames[0]).toContain("failure.test.ts");
  expect(frames.join("\n")).not.toContain("203.0.113.77");
});

test("what is thrown without being an error has neither frames nor code", () => {
  expect(framesOf(null)).toEqual([]);
  expect(toFailure("crash", null).code).toBe("unknown");
});
