import { expect, test } from "vitest";

import { framesOf, toFailure } from "../src/failure.ts";

test("frames are places alone, whatever the message looks like", () => {
  const error = new Error("not this\n    at 203.0.113.77 (918-27-3645:1:1)");
  const frames = framesOf(error);
  expect(frames[0]).toContain("failure.test.ts");
  expect(frames.join("\n")).not.toContain("203.0.113.77");
});

test.each(["ECONNREFUSED", "timeout", "ERR_OSSL_EVP_UNSUPPORTED"])("a code passes: %s", (code) => {
  expect(toFailure("write", Object.assign(new Error(), { code })).reason).toBe(code);
});

test.each(["203.0.113.77", "593-47-5928", "two words"])("a value is no code: %s", (value) => {
  const values = {
    reason: value,
    code: value,
    sqlState: value,
    constraint: value,
    systemCode: value,
  };
  expect(toFailure("write", Object.assign(new Error(), values))).toMatchObject({
    reason: "Error",
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
    reason: "network",
    systemCode: "ECONNREFUSED",
  });
});

test("a reason of a closed list goes before the code of a library", () => {
  const error = Object.assign(new Error(), { reason: "tls_untrusted", code: "CERT_HAS_EXPIRED" });
  expect(toFailure("write", error).reason).toBe("tls_untrusted");
});

test("what is thrown without being an error has neither frames nor code", () => {
  expect(framesOf(null)).toEqual([]);
  expect(toFailure("crash", null).reason).toBe("unknown");
});
