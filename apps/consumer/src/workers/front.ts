/** /live, /ready and /metrics of several workers, as if they were one process. */
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { emptyResource } from "@opentelemetry/resources";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { CollectionResult, MetricData, ScopeMetrics } from "@opentelemetry/sdk-metrics";

import type { Config } from "../config.ts";
import { openHealthServer, stuckMs } from "../health.ts";
import type { HealthServer } from "../health.ts";
import { exposition, openProcessMetrics, openWorkerMetrics, workerLabel } from "../metrics.ts";
import type { Worker } from "./worker.ts";

export interface Front extends HealthServer {
  /** This worker has not answered a question. */
  readonly unanswered: (worker: number) => void;
}

/** @param workers - Those that were started so far: more may be added. */
export async function openFront(
  { HOST, PORT, MASKLINE_WORKERS }: Config,
  workers: readonly Worker[],
): Promise<Front> {
  await using opening = new AsyncDisposableStack();
  const exporter = new PrometheusExporter({
    ...exposition,
    metricProducers: [{ collect: async () => collectFrom(workers) }],
  });
  const provider = new MeterProvider({ readers: [exporter] });
  opening.defer(() => provider.shutdown());
  const meter = provider.getMeter("maskline");
  openProcessMetrics(meter);
  const unanswered = openWorkerMetrics(meter, MASKLINE_WORKERS);
  const server = opening.use(
    await openHealthServer(
      { host: HOST, port: PORT },
      {
        live: async () => every(workers, isLive),
        ready: async () => workers.length === MASKLINE_WORKERS && every(workers, isReady),
        metrics: (request, response) => exporter.getMetricsRequestHandler(request, response),
      },
    ),
  );
  const opened = opening.move();
  return {
    port: server.port,
    unanswered: (worker) => unanswered.add(1, workerLabel(worker)),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

const every = async (
  workers: readonly Worker[],
  is: (worker: Worker) => Promise<boolean>,
): Promise<boolean> => (await Promise.all(workers.map(is))).every(Boolean);

/** One that says nothing is as good as one that hangs, once it has for long. */
async function isLive(worker: Worker): Promise<boolean> {
  const health = worker.state() === "consuming" ? await worker.ask("health") : null;
  if (health !== null) return health.isLive;
  return worker.state() === "ended" || worker.silentMs() < stuckMs;
}

async function isReady(worker: Worker): Promise<boolean> {
  return worker.state() === "consuming" && (await worker.ask("health"))?.isReady === true;
}

/** Of those that answer; the serializer writes HELP and TYPE once for each metric, whoever has it. */
async function collectFrom(workers: readonly Worker[]): Promise<CollectionResult> {
  const consuming = workers.filter(({ state }) => state() === "consuming");
  const answers = await Promise.all(
    consuming.map(async ({ ask, number }) =>
      ((await ask("metrics")) ?? []).map((each) => labelled(each, number)),
    ),
  );
  return {
    resourceMetrics: { resource: emptyResource(), scopeMetrics: answers.flat() },
    errors: [],
  };
}

function labelled({ scope, metrics }: ScopeMetrics, worker: number): ScopeMetrics {
  const label = workerLabel(worker);
  const inFamily = ({ dataPoints, ...family }: MetricData): MetricData => {
    const points = dataPoints.map(({ attributes, ...point }) => ({
      ...point,
      attributes: { ...attributes, ...label },
    }));
    return { ...family, dataPoints: points } as MetricData;
  };
  return { scope, metrics: metrics.map(inFamily) };
}
