import { metrics } from "@opentelemetry/api";
import { pino } from "pino";
import { expect, test } from "vitest";

import { createTelemetry } from "../src/telemetry.ts";

test("says of damaged messages only what is true of each: MD5, id, handle or date is at fault", () => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  createTelemetry(metrics.getMeter("none"), log).receive.damaged(3);

  const [line = "{}"] = lines;
  expect(JSON.parse(line)).toMatchObject({
    count: 3,
    msg: expect.stringMatching(/MD5, an id, a handle or a date; left to be delivered again/),
  });
});
