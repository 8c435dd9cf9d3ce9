import { expect, test } from "vitest";

import {
  type Exposure,
  exposureNames,
  exposuresOfProcess,
  exposuresOfServer,
  findIdleAllowances,
  isLoopback,
  judgeExposures,
  profileOf,
  profileSettings,
  readSettings,
} from "../src/index.ts";
import { holdsInlineKeys } from "../src/production.ts";

function read(env: Record<string, string>) {
  const reading = readSettings(profileSettings, env);
  if ("faults" in reading) throw new Error("unusable");
  return reading.values;
}

test.each([
  "localhost",
  "127.0.0.1",
  "127.8.9.10",
  "::1",
  "[::1]",
  "::ffff:127.0.0.1",
  "",
  "/run/pg",
])("%j is this machine", (host) => expect(isLoopback(host)).toBe(true));

test.each([
  "db",
  "localhost.evil.example",
  "127.0.0.1.nip.io",
  "10.0.0.1",
  "::2",
  "0.0.0.0",
  "1127.0.0.1",
])("%j is not", (host) => expect(isLoopback(host)).toBe(false));

test("production is the default as soon as one host is beyond this machine, or not known", () => {
  const settings = read({});
  expect(profileOf(settings, ["localhost", "::1"])).toMatchObject({ name: "development" });
  expect(profileOf(settings, ["localhost", "db.internal"])).toMatchObject({ name: "production" });
  expect(profileOf(settings, [null])).toMatchObject({ name: "production" });
});

test("production refuses each exposure, and says what to do and which name allows it", () => {
  const findings = judgeExposures(profileOf(read({}), ["db"]), exposureNames);
  expect(findings.map(({ severity }) => severity)).toEqual(exposureNames.map(() => "error"));
  exposureNames.forEach((name, at) => {
    expect(findings[at]?.advice).toMatch(
      new RegExp(`^.{10,}; or accept it, with ${name} in MASKLINE_ALLOW$`),
    );
  });
});

test("what is allowed is a warning at every start, also where nothing needs it", () => {
  const settings = read({ MASKLINE_ALLOW: "http_queue, PLAIN_DATABASE,http_queue" });
  expect(settings.MASKLINE_ALLOW).toEqual(["http_queue", "plain_database"]);
  const profile = profileOf(settings, ["db"]);
  const found: Exposure[] = ["plain_database", "debugger"];
  const [allowed, refused] = judgeExposures(profile, found);
  expect(allowed).toMatchObject({ severity: "warning" });
  expect(allowed?.finding).toMatch(/^allowed by MASKLINE_ALLOW: the connection/);
  expect(refused).toMatchObject({ severity: "error" });
  expect(findIdleAllowances(profile, found)).toMatchObject([
    { severity: "warning", finding: expect.stringContaining("http_queue") },
  ]);
});

test("a name that is none ends the start, and is not repeated", () => {
  const reading = readSettings(profileSettings, { MASKLINE_ALLOW: "everything" });
  expect(reading).toMatchObject({ faults: [{ name: "MASKLINE_ALLOW", problem: "is not usable" }] });
  expect(JSON.stringify(reading)).not.toContain("everything");
});

test("development on this machine says nothing; chosen beyond it, it says everything", () => {
  const found: Exposure[] = ["plain_database", "inline_keys"];
  expect(judgeExposures(profileOf(read({}), ["localhost"]), found)).toEqual([]);
  const forced = profileOf(read({ MASKLINE_PROFILE: "development" }), ["db"]);
  expect(judgeExposures(forced, found).map(({ severity }) => severity)).toEqual([
    "warning",
    "warning",
  ]);
});

test("production on this machine refuses as everywhere", () => {
  const profile = profileOf(read({ MASKLINE_PROFILE: "Production" }), ["localhost"]);
  expect(judgeExposures(profile, ["debugger"])).toMatchObject([{ severity: "error" }]);
});

test("a debugger can be attached unless SIGUSR1 opens none and none is open", () => {
  const guarded = ["--disable-sigusr1"];
  expect(exposuresOfProcess({}, [])).toEqual(["debugger"]);
  expect(exposuresOfProcess({}, guarded)).toEqual([]);
  expect(exposuresOfProcess({ NODE_OPTIONS: "--disable-sigusr1" }, [])).toEqual([]);
  expect(exposuresOfProcess({ NODE_OPTIONS: "--inspect=0.0.0.0:9229" }, guarded)).toEqual([
    "debugger",
  ]);
  const options = ["--heapsnapshot-signal=SIGUSR2", "--heap-prof", "--report-on-fatalerror"];
  for (const option of options) {
    expect(exposuresOfProcess({ NODE_OPTIONS: option }, guarded)).toEqual(["memory_files"]);
  }
});

test("a server beyond this machine has to be verified, by Node too", () => {
  const far = { host: "db", isVerified: false };
  expect(exposuresOfServer(far, {}, [])).toEqual(["plain_database"]);
  expect(exposuresOfServer(far, {}, ["weak_password"])).toEqual([
    "plain_database",
    "weak_password",
  ]);
  expect(exposuresOfServer({ ...far, isVerified: true }, {}, ["weak_password"])).toEqual([]);
  const unchecked = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
  expect(exposuresOfServer({ ...far, isVerified: true }, unchecked, [])).toEqual([
    "plain_database",
  ]);
  expect(exposuresOfServer({ host: "127.0.0.1", isVerified: false }, {}, [])).toEqual([]);
});

test.each([
  [true, { token_keys: [{ kid: "t1", key: "AAAA" }] }],
  [true, { recipients: [{ kid: "r1", public_key: "env:A", private_key: "AAAA" }] }],
  [false, { token_keys: [{ kid: "t1", key: "file:t1.key" }], recipients: [{ public_key: "AA" }] }],
  [false, { token_keys: [{ kid: "t1", key: "aws-kms:arn", wrapped_key: "AAAA" }] }],
  [false, null],
])("a keyring has key material in it: %s", (expected, keyring) => {
  expect(holdsInlineKeys(keyring)).toBe(expected);
});
