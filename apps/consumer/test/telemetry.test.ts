import { metrics } from "@opentelemetry/api";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
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

test("counts failed renewals by message, under a stage of their own, and logs their codes", async () => {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  const { leases } = createTelemetry(provider.getMeter("maskline"), log);
  leases.failed(["timeout", "timeout", "ServiceUnavailable"]);

  const { resourceMetrics } = await exporter.collect();
  const text = new PrometheusSerializer().serialize(resourceMetrics);
  expect(text).toMatch(/^maskline_failures_total\{.*stage="renew".*\} 3$/m);
  expect(JSON.parse(lines[0] ?? "{}")).toMatchObject({
    count: 3,
    codes: ["timeout", "ServiceUnavailable"],
  });
  await provider.shutdown();
});
