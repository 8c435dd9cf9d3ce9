/** Where traces go: to an OpenTelemetry collector where one is configured, else nowhere. */
import { ProxyTracerProvider } from "@opentelemetry/api";
import type { Tracer } from "@opentelemetry/api";

export interface Tracing extends AsyncDisposable {
  readonly tracer: Tracer;
}

const scope = "maskline";

/** Loads the exporter only where it is wanted: it is the slowest import of all. */
export async function openTracing(isWanted: boolean): Promise<Tracing> {
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
    [Symbol.asyncDispose]: () => provider.shutdown(),
  };
}
