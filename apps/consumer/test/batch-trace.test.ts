import { setImmediate } from "node:timers/promises";

import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { beforeEach, expect, test } from "vitest";

import { createStartTrace } from "../src/batch-trace.ts";
import { createHeld } from "./held.ts";

const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
const startTrace = createStartTrace(provider.getTracer("test"));

beforeEach(() => exporter.reset());

function span(name: string): ReadableSpan | undefined {
  return exporter.getFinishedSpans().find((finished) => finished.name === name);
}

test("makes one trace a batch, a span for each stage", async () => {
  const trace = startTrace([createHeld(1)]);
  expect(trace.stage("parse", () => "result")).toBe("result");
  await trace.stage("write", async () => {});
  trace.end();
  await setImmediate();

  const batch = span("batch")?.spanContext();
  for (const name of ["receive", "parse", "write"]) {
    expect(span(name)?.parentSpanContext?.spanId).toBe(batch?.spanId);
  }
});

test("links to the traces that the messages came with", () => {
  const header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
  const plain = createHeld(1);
  const traced = createHeld(2);
  startTrace([plain, { ...traced, envelope: { ...traced.envelope, traceHeader: header } }]).end();

  expect(span("batch")?.links.map(({ context }) => [context.traceId, context.spanId])).toEqual([
    ["5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8"],
  ]);
});

test("marks a failed stage without describing the fault", async () => {
  const trace = startTrace([createHeld(1)]);
  await expect(
    trace.stage("write", async () => {
      throw new Error("203.0.113.77");
    }),
  ).rejects.toBeInstanceOf(Error);
  trace.end();
  await setImmediate();
  expect(span("write")?.status).toEqual({ code: 2 });
  expect(span("write")?.events).toEqual([]);
});
