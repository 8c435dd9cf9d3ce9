import { expect, test } from "vitest";

import { framesOf, toFailure } from "../src/failure.ts";

test("frames are places alone, whatever the message looks like", () => {
  const error = new Error("not this\n    at 203.0.113.77 (918-27-3645:1:1)");
  const frames = framesOf(error);
  expect(frames[0]).toContain("failure.test.ts");
  expect(frames.join("\n")).not.toContain("203.0.113.77");
});

test.each(["ECONNREFUSED", "timeout", "ERR_OSSL_EVP_UNSUPPORTED"])("a code passes: %s", (code) => {
  expect(toFailure("write", Object.assign(new Error(), { code })).code).toBe(code);
});

test.each(["203.0.113.77", "593-47-5928", "two words"])("a value is no code: %s", (value) => {
  const values = { code: value, sqlState: value, constraint: value, systemCode: value };
  expect(toFailure("write", Object.assign(new Error(), values))).toMatchObject({
    code: "Error",
    sqlState: null,
    constraint: null,
    systemCode: null,
  });
});

test("a SQLSTATE passes", () => {
  expect(toFailure("write", Object.assign(new Error(), { sqlState: "23505" })).sqlState).toBe(
    "23505",
  );
});

test("a fault of the connection keeps the runtime's name for it", () => {
  const error = Object.assign(new Error(), { code: "network", systemCode: "ECONNREFUSED" });
  expect(toFailure("receive", error)).toMatchObject({
    code: "network",
    systemCode: "ECONNREFUSED",
  });
});

test("what is thrown without being an error has neither frames nor code", () => {
  expect(framesOf(null)).toEqual([]);
  expect(toFailure("crash", null).code).toBe("unknown");
});
