/** One trace a batch: a span for each stage, linked to the traces of the messages' own senders. */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Link, Span, TextMapGetter, Tracer } from "@opentelemetry/api";
import { AWSXRAY_TRACE_ID_HEADER, AWSXRayPropagator } from "@opentelemetry/propagator-aws-xray";

import type { Held } from "./model.ts";

export type TracedStage = "parse" | "mask" | "write" | "ack";

export interface BatchTrace {
  /** Runs a stage under a span of its own. */
  readonly stage: <T>(name: TracedStage, work: () => T) => T;
  readonly end: () => void;
}

export type StartTrace = (batch: readonly Held[]) => BatchTrace;

/** OpenTelemetry's default limit of links a span (LinkCountLimit). */
const mostLinks = 128;

export function createStartTrace(tracer: Tracer): StartTrace {
  return function startTrace(batch) {
    const receivedAtMs = Math.min(...batch.map(({ envelope }) => envelope.receivedAtMs));
    const span = tracer.startSpan("batch", {
      kind: SpanKind.CONSUMER,
      root: true,
      startTime: performance.timeOrigin + receivedAtMs,
      links: linksOf(batch),
      attributes: { "messaging.system": "aws_sqs", "messaging.batch.message_count": batch.length },
    });
    const context = trace.setSpan(ROOT_CONTEXT, span);
    // From the oldest message's poll to the moment its batch was formed.
    tracer
      .startSpan("receive", { startTime: performance.timeOrigin + receivedAtMs }, context)
      .end();

    return {
      stage(name, work) {
        const stageSpan = tracer.startSpan(name, {}, context);
        return ended(stageSpan, work);
      },
      end: () => span.end(),
    };
  };
}

/** Ends the span when the work is done, also when it is a promise. A fault is marked, never described. */
function ended<T>(span: Span, work: () => T): T {
  let isPending = false;
  try {
    const result = work();
    if (!(result instanceof Promise)) return result;
    isPending = true;
    void result
      .catch(() => span.setStatus({ code: SpanStatusCode.ERROR }))
      .finally(() => span.end());
    return result;
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    if (!isPending) span.end();
  }
}

const propagator = new AWSXRayPropagator();

const fromHeader: TextMapGetter<string> = {
  keys: () => [AWSXRAY_TRACE_ID_HEADER],
  get: (header) => header,
};

function linksOf(batch: readonly Held[]): Link[] {
  return batch
    .flatMap(({ envelope }) => envelope.traceHeader ?? [])
    .slice(0, mostLinks)
    .flatMap((header) => {
      const context = trace.getSpanContext(propagator.extract(ROOT_CONTEXT, header, fromHeader));
      return context ? [{ context }] : [];
    });
}
