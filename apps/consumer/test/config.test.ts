import { expect, test } from "vitest";

import { readConfig, readWorkConfig, wantsTraces } from "../src/config.ts";
import type { Config } from "../src/config.ts";

const whole = {
  SQS_QUEUE_URL: "http://localhost:4566/000000000000/login-queue",
  DATABASE_URL: "postgresql://consumer:secret@localhost/postgres",
  MASKLINE_KEYRING: "/etc/maskline/keyring.json",
};

function configOf(more: Readonly<Record<string, string>>): Config {
  const read = readConfig({ ...whole, ...more });
  if ("faults" in read) throw new Error(read.faults.map(({ name }) => name).join());
  return read.config;
}

test("reads the whole of a good environment", () => {
  expect(
    configOf({
      MASKLINE_BATCH_SIZE: "500",
      MASKLINE_UNWRAP: "arn:aws:sns:eu-central-1:1:t, my.app",
    }),
  ).toMatchObject({
    ...whole,
    MASKLINE_VAULT: null,
    MASKLINE_CONTRACT: "login",
    MASKLINE_TENANT: "default",
    MASKLINE_UNWRAP: {
      snsTopicArns: ["arn:aws:sns:eu-central-1:1:t"],
      eventBridgeSources: ["my.app"],
    },
    MASKLINE_BATCH_SIZE: 500,
    unknownSettings: [],
    ignoredSettings: [],
  });
});

test("names every missing and every wrong variable at once, with what to do and without its value", () => {
  const read = readConfig({ DATABASE_URL: "mysql://root:hunter2@db", MASKLINE_POLLERS: "many" });
  expect(read).toMatchObject({
    faults: [
      { name: "SQS_QUEUE_URL", problem: "is not set" },
      { name: "DATABASE_URL", problem: "is not usable" },
      { name: "MASKLINE_KEYRING", problem: "is not set" },
      { name: "MASKLINE_POLLERS", problem: "is not usable" },
    ],
  });
  expect(JSON.stringify(read)).not.toMatch(/hunter2|many/);
});

test.each(["0", "65", "1.5", "auto"])(
  "takes no MASKLINE_WORKERS of %s, and says of which form it is",
  (given) => {
    expect(readConfig({ ...whole, MASKLINE_WORKERS: given })).toMatchObject({
      faults: [
        {
          name: "MASKLINE_WORKERS",
          problem: "is not usable",
          advice: expect.stringContaining("1 to 64"),
        },
      ],
    });
  },
);

test("takes the PG* variables in place of DATABASE_URL", () => {
  expect(configOf({ DATABASE_URL: "", PGHOST: "db.internal" })).toMatchObject({
    DATABASE_URL: null,
    PGHOST: "db.internal",
  });
  expect(readConfig({ ...whole, DATABASE_URL: "" })).toMatchObject({
    faults: [{ name: "DATABASE_URL", problem: "is not set" }],
  });
});

test("takes a relative keyring path from where pnpm was called", () => {
  expect(configOf({ MASKLINE_KEYRING: "keys/k.json", INIT_CWD: "/srv/maskline" })).toMatchObject({
    MASKLINE_KEYRING: "/srv/maskline/keys/k.json",
  });
});

test.each([
  "http://localhost:4566/000000000000/q.fifo/",
  " http://localhost:4566/000000000000/q.fifo\n",
])("sends no white space and no slash at the end of a queue's URL to SQS: %j", (url) => {
  expect(configOf({ SQS_QUEUE_URL: url }).SQS_QUEUE_URL).toBe(
    "http://localhost:4566/000000000000/q.fifo",
  );
});

test.each(["https://sqs.eu-west-1.amazonaws.com", "https://u:p@host/1/q", "https://host/1/q?a=b"])(
  "takes what names no queue for none: %s",
  (url) => {
    expect(readConfig({ ...whole, SQS_QUEUE_URL: url })).toMatchObject({
      faults: [{ name: "SQS_QUEUE_URL" }],
    });
  },
);

test("OpenTelemetry's variables never end a start: what is not known is named and ignored", () => {
  const config = configOf({
    OTEL_SDK_DISABLED: "yes",
    OTEL_TRACES_EXPORTER: "console",
    OTEL_EXPORTER_OTLP_ENDPOINT: "collector",
  });
  expect(config.ignoredSettings.map(({ name }) => name)).toEqual([
    "OTEL_SDK_DISABLED",
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
  ]);
  expect(wantsTraces(config)).toBe(false);
});

const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

test.each([
  [{}, false],
  [collector, true],
  [{ OTEL_TRACES_EXPORTER: "otlp" }, true],
  [{ OTEL_TRACES_EXPORTER: "console,OTLP" }, true],
  [{ ...collector, OTEL_TRACES_EXPORTER: "None" }, false],
  [{ ...collector, OTEL_SDK_DISABLED: "True" }, false],
  [{ ...collector, OTEL_TRACES_EXPORTER: "zipkin" }, true],
])("traces: %j wants them: %s", (more, isWanted) => {
  expect(wantsTraces(configOf(more))).toBe(isWanted);
});

test("reads levels in any case", () => {
  expect(configOf({ LOG_LEVEL: "INFO" }).LOG_LEVEL).toBe("info");
});

test("names variables that look like settings and are none", () => {
  expect(configOf({ MASKLINE_POLERS: "8" }).unknownSettings).toEqual(["MASKLINE_POLERS"]);
});

test.each([
  ["/etc/maskline/private-keyring.json", "/etc/maskline/private-keyring.json"],
  ["", null],
])("knows where the private keyring is named: %j", (path, named) => {
  expect(configOf({ RECOVER_PRIVATE_KEYRING: path }).RECOVER_PRIVATE_KEYRING).toBe(named);
});

test("takes where the password is read, and refuses what is neither file nor command", () => {
  expect(configOf({ DATABASE_PASSWORD_FROM: "command:aws a:b" })).toMatchObject({
    DATABASE_PASSWORD_FROM: { command: "aws a:b" },
  });
  expect(configOf({ DATABASE_PASSWORD_FROM: "file:/run/p" })).toMatchObject({
    DATABASE_PASSWORD_FROM: { file: "/run/p" },
  });
  for (const wrong of ["hunter2", "file:", "command:"]) {
    expect(readConfig({ ...whole, DATABASE_PASSWORD_FROM: wrong })).toMatchObject({
      faults: [{ name: "DATABASE_PASSWORD_FROM", problem: "is not usable" }],
    });
  }
});

test("in AWS Lambda, no queue is to be set, and what a consumer alone is told is no setting", () => {
  const { DATABASE_URL, MASKLINE_KEYRING } = whole;
  const read = readWorkConfig({ DATABASE_URL, MASKLINE_KEYRING, MASKLINE_POLLERS: "8" });
  expect(read).toMatchObject({
    config: { DATABASE_URL, MASKLINE_KEYRING, unknownSettings: ["MASKLINE_POLLERS"] },
  });
  expect(readWorkConfig({})).toMatchObject({
    faults: [{ name: "DATABASE_URL" }, { name: "MASKLINE_KEYRING" }],
  });
});
