import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { readConfig } from "../src/config.ts";
import { findExposures } from "../src/exposures.ts";

let directory: string;
const verified = { host: "db.internal", isVerified: true };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "exposures-"));
  await writeFile(join(directory, "kept.json"), '{"token_keys":[{"kid":"t1","key":"file:t1"}]}');
  await writeFile(join(directory, "writable.contract.ts"), "");
  await chmod(join(directory, "writable.contract.ts"), 0o664);
  await writeFile(join(directory, "held.json"), '{"token_keys":[{"kid":"t1","key":"AAAA"}]}');
});

afterAll(() => rm(directory, { recursive: true }));

/** Of a start that nothing is to be said of, but for these. */
async function find(
  changes: Readonly<Record<string, string>>,
  { server = verified, loggedBy = [] }: Partial<Parameters<typeof findExposures>[0]> = {},
) {
  const read = readConfig({
    SQS_QUEUE_URL: "https://sqs.eu-central-1.amazonaws.com/123456789012/logins",
    DATABASE_URL: "postgresql://u:p@db.internal/x?sslmode=verify-full",
    MASKLINE_KEYRING: join(directory, "kept.json"),
    NODE_OPTIONS: "--disable-sigusr1",
    ...changes,
  });
  if ("faults" in read) throw new Error("The settings are not usable.");
  const findings = await findExposures({ config: read.config, server, loggedBy });
  return findings.map(({ severity, finding }) => `${severity}: ${finding}`);
}

test("a start that exposes nothing is let pass", async () => {
  expect(await find({})).toEqual([]);
});

test.each([
  ["plain_database", {}, { server: { host: "db.internal", isVerified: false } }],
  ["http_queue", { AWS_ENDPOINT_URL_SQS: "http://queue.internal:9324" }, {}],
  ["inline_keys", { MASKLINE_KEYRING: "held.json" }, {}],
  ["writable_contract", { MASKLINE_CONTRACT: "./writable.contract.ts" }, {}],
  ["logged_parameters", {}, { loggedBy: ["log_statement"] }],
  ["debugger", { NODE_OPTIONS: "" }, {}],
])(
  "production refuses %s, and lets it pass where it is allowed",
  async (name, changes, posture) => {
    const settings = { INIT_CWD: directory, ...changes };
    expect(await find(settings, posture)).toEqual([expect.stringMatching(/^error: /)]);
    expect(await find({ ...settings, MASKLINE_ALLOW: name }, posture)).toEqual([
      expect.stringMatching(/^warning: allowed by MASKLINE_ALLOW: /),
    ]);
  },
);

test("certificates that Node does not check are none, of database and queue alike", async () => {
  const found = await find({ NODE_TLS_REJECT_UNAUTHORIZED: "0" });
  expect(found).toHaveLength(2);
});

test("says that a password may be given away only where it may", async () => {
  const allowed = { MASKLINE_ALLOW: "weak_password,plain_database" };
  expect(await find(allowed, { server: { host: "db.internal", isVerified: false } })).toEqual([
    expect.stringContaining("does not verify"),
    expect.stringContaining("password in clear"),
  ]);
  expect(await find(allowed)).toEqual([
    expect.stringContaining("has weak_password, and nothing here needs it"),
    expect.stringContaining("has plain_database, and nothing here needs it"),
  ]);
});

test("on this machine nothing is said", async () => {
  const local = {
    SQS_QUEUE_URL: "http://127.0.0.1:9324/000000000000/logins",
    MASKLINE_KEYRING: join(directory, "held.json"),
    NODE_OPTIONS: "",
  };
  expect(await find(local, { server: { host: "localhost", isVerified: false } })).toEqual([]);
  expect(
    await find(
      { ...local, MASKLINE_PROFILE: "production" },
      { server: { host: "localhost", isVerified: false } },
    ),
  ).toHaveLength(3);
});
