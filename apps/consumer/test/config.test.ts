import { expect, test } from "vitest";

import { readConfig } from "../src/config.ts";

const whole = {
  SQS_QUEUE_URL: "http://localhost:4566/000000000000/login-queue",
  DATABASE_URL: "postgresql://consumer:secret@localhost/postgres",
  MASKLINE_KEYRING: "/etc/maskline/keyring.json",
};

test("reads the whole of a good environment", () => {
  const read = readConfig({
    ...whole,
    MASKLINE_BATCH_SIZE: "500",
    MASKLINE_UNWRAP: "arn:aws:sns:eu-central-1:1:t, my.app",
  });
  expect(read).toMatchObject({
    config: {
      queue: { queueUrl: whole.SQS_QUEUE_URL },
      databaseUrl: whole.DATABASE_URL,
      vault: null,
      tenant: "default",
      unwrap: { snsTopicArns: ["arn:aws:sns:eu-central-1:1:t"], eventBridgeSources: ["my.app"] },
      limits: { batchSize: 500 },
    },
  });
});

test("names every missing and every wrong variable at once, with what to do and without its value", () => {
  const read = readConfig({ DATABASE_URL: "mysql://root:hunter2@db", MASKLINE_POLLERS: "many" });
  expect(read).toMatchObject({
    faults: [
      { variable: "SQS_QUEUE_URL", problem: "is not set" },
      { variable: "DATABASE_URL", problem: "is not usable" },
      { variable: "MASKLINE_KEYRING", problem: "is not set" },
      { variable: "MASKLINE_POLLERS", problem: "is not usable" },
    ],
  });
  expect(JSON.stringify(read)).not.toMatch(/hunter2|many/);
});

test("takes the PG* variables in place of DATABASE_URL", () => {
  const read = readConfig({ ...whole, DATABASE_URL: "", PGHOST: "db.internal" });
  expect(read).toMatchObject({ config: { databaseUrl: null } });
});

test("takes a relative keyring path from where pnpm was called", () => {
  const read = readConfig({ ...whole, MASKLINE_KEYRING: "keys/k.json", INIT_CWD: "/srv/maskline" });
  expect(read).toMatchObject({ config: { keyringPath: "/srv/maskline/keys/k.json" } });
});

test("names variables that look like settings and are none", () => {
  expect(readConfig({ ...whole, MASKLINE_POLERS: "8" })).toMatchObject({
    config: { unknownSettings: ["MASKLINE_POLERS"] },
  });
});

test("knows where the private keyring is named, and that an empty name is none", () => {
  for (const [path, isNamed] of [
    ["/etc/maskline/private-keyring.json", true],
    ["", false],
  ] as const) {
    expect(readConfig({ ...whole, RECOVER_PRIVATE_KEYRING: path })).toMatchObject({
      config: { namesPrivateKeyring: isNamed },
    });
  }
});
