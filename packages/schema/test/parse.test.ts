import { createLoginParser, type Parsed, rejectionReasons } from "@org/schema";
import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";

import { accepts } from "./accepts.ts";
import { plainLogin } from "./hostile-bodies.ts";

const parse = createLoginParser({ accepts });
const parseValue = (value: unknown): Parsed => parse(JSON.stringify(value));
const rejection = (reason: string): unknown => ({ kind: "rejection", reason });
const accepted = { kind: "login", login: plainLogin, oddities: [], droppedFields: 0 };

/** Whether what parse returns is what its type says, in text that Postgres can store. */
function isLawful(parsed: Parsed): boolean {
  if (parsed.kind === "rejection") return rejectionReasons.includes(parsed.reason);
  const fields: unknown[] = Object.values(parsed.login);
  return (
    Object.keys(parsed.login).join() === Object.keys(plainLogin).join() &&
    fields.every((value) => value === null || (typeof value === "string" && isStorable(value)))
  );
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

describe("the login parser", () => {
  it("takes a login as its producer sends it", () => {
    const body = `{"user_id": "424cdd21-063a-43a7-b91b-7ca1a833afae", "app_version": "2.3.0",
      "device_type": "android", "ip": "199.172.111.135", "locale": "RU", "device_id": "593-47-5928"}`;
    expect(parse(body)).toEqual(accepted);
  });

  it("reads nested fields by their flattened names", () => {
    const { device_id, device_type, user_id, ...rest } = plainLogin;
    const nested = { ...rest, user: { id: user_id }, device: { id: device_id, type: device_type } };
    expect(parseValue(nested)).toEqual(accepted);
  });

  it("rejects a field that is there twice, nested and flat", () => {
    expect(parseValue({ ...plainLogin, device: { id: "1" } })).toEqual(rejection("ambiguous_path"));
    expect(parseValue({ ...plainLogin, device: { id: null } })).toEqual(
      rejection("ambiguous_path"),
    );
  });

  it("drops unknown fields, nested ones too, and counts them by their flattened names", () => {
    const extra = { tags: ["a", { b: 1 }], empty: {}, none: null };
    expect(parseValue({ ...plainLogin, ...extra })).toEqual({ ...accepted, droppedFields: 4 });
  });

  it.each([
    ["user_id", 128],
    ["device_type", 32],
    ["device_id", 256],
    ["locale", 32],
    ["app_version", 32],
  ])("measures %s in code points, as varchar(%d) does", (field, max) => {
    const fits = "\u{1f600}".repeat(max);
    expect(parseValue({ ...plainLogin, [field]: fits })).toMatchObject({
      login: { [field]: fits },
    });
    expect(parseValue({ ...plainLogin, [field]: `${fits}a` })).toEqual(
      rejection(`${field}_too_long`),
    );
  });

  it.each(["user_id", "device_type", "ip", "device_id"])(
    "rejects an empty %s as missing",
    (field) => {
      expect(parseValue({ ...plainLogin, [field]: "" })).toEqual(rejection(`${field}_missing`));
    },
  );

  it.each(["locale", "app_version", "user_id", "device_type", "ip", "device_id"])(
    "rejects a %s of another type",
    (field) => {
      for (const value of [0, true, [], {}, ["a"], { a: "a" }]) {
        expect(parseValue({ ...plainLogin, [field]: value })).toEqual(
          rejection(`${field}_wrong_type`),
        );
      }
    },
  );

  it("names the first fault in the order of the fields", () => {
    expect(parseValue({ locale: 1, ip: "1" })).toEqual(rejection("user_id_missing"));
    expect(parseValue({ ...plainLogin, app_version: 1, ip: "1" })).toEqual(rejection("ip_invalid"));
  });

  it("counts every oddity of a login", () => {
    const odd = { user_id: "u", device_type: "ios", ip: "::1", device_id: "d", app_version: "x" };
    expect(parse(`\ufeff${JSON.stringify(odd)}`)).toMatchObject({
      oddities: [
        "user_id_not_uuid",
        "device_id_unusual",
        "locale_missing",
        "app_version_not_integer",
        "bom",
      ],
    });
  });

  it("rejects what the masker could not mask", () => {
    const refusing = createLoginParser({ accepts: { ...accepts, device_id: () => false } });
    expect(refusing(JSON.stringify(plainLogin))).toEqual(rejection("device_id_invalid"));
  });

  describe("where a prototype is polluted", () => {
    afterEach(() => {
      Reflect.deleteProperty(Object.prototype, "ip");
    });

    it("reads own properties only", () => {
      Reflect.defineProperty(Object.prototype, "ip", { value: "1.2.3.4", configurable: true });
      expect(parseValue({ ...plainLogin, ip: undefined })).toEqual(rejection("ip_missing"));
    });
  });

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        expect(isLawful(parse(text))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("never throws, whatever the JSON", () => {
    const key = fc.oneof(fc.constantFrom(...Object.keys(plainLogin), "device", "id"), fc.string());
    const { node } = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 3 },
        fc.oneof(fc.string({ unit: "binary" }), fc.double(), fc.boolean(), fc.constant(null)),
        fc.array(tie("node"), { maxLength: 4 }),
        fc.dictionary(key, tie("node"), { maxKeys: 6 }),
      ),
    }));
    fc.assert(
      fc.property(node, (value) => {
        expect(isLawful(parseValue(value))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("never throws, whatever becomes of a login's fields", () => {
    const value = fc.oneof(fc.string({ unit: "binary" }), fc.jsonValue());
    const changes = fc.dictionary(fc.constantFrom(...Object.keys(plainLogin)), value);
    fc.assert(
      fc.property(changes, (changed) => {
        expect(isLawful(parseValue({ ...plainLogin, ...changed }))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
