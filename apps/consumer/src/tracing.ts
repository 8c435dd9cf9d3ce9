/** Where traces go: to an OpenTelemetry collector where one is configured, else nowhere. */
import { ProxyTracerProvider } from "@opentelemetry/api";
import type { Tracer } from "@opentelemetry/api";

import { unlessAborted } from "./backoff.ts";
import { openDeadline } from "./deadline.ts";

export interface Tracing extends AsyncDisposable {
  readonly tracer: Tracer;
}

const scope = "maskline";

/** What the last spans may take of a shutdown: its end belongs to the messages. */
const deliveryMs = 1_000;

/** Loads the exporter only where it is wanted: it is the slowest import of all. */
export async function openTracing(
  isWanted: boolean,
  onLost: (fault: unknown) => void,
): Promise<Tracing> {
  if (!isWanted) {
    // A proxy without a delegate: its spans are no-ops.
    return {
      tracer: new ProxyTracerProvider().getTracer(scope),
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const [{ OTLPTraceExporter }, { detectResources, envDetector, resourceFromAttributes }, sdk] =
    await Promise.all([
      import("@opentelemetry/exporter-trace-otlp-proto"),
      import("@opentelemetry/resources"),
      import("@opentelemetry/sdk-trace"),
    ]);
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ "service.name": "maskline-consumer" }).merge(
      detectResources({ detectors: [envDetector] }),
    ),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  });
  return {
    tracer: provider.getTracer(scope),
    [Symbol.asyncDispose]: () => deliver(provider.shutdown()).catch(onLost),
  };
}

/** A collector that is away or silent makes a shutdown neither fail nor wait. */
async function deliver(shutdown: Promise<void>): Promise<void> {
  using deadline = openDeadline(deliveryMs, new AbortController().signal);
  const delivered = await unlessAborted(
    shutdown.then(() => true),
    deadline.signal,
  );
  if (!delivered) throw Object.assign(new Error("no answer"), { code: "timeout" });
}
