/** The composition root: opens the adapters and fits them together. */
import { availableParallelism } from "node:os";

import { databaseReasons, trustOf } from "@org/db/writer";
import { damageKinds, openQueue, queueErrorCodes } from "@org/sqs";
import type { Target } from "@org/sqs";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { Logger } from "pino";

import manifest from "../package.json" with { type: "json" };
import { createBreaker } from "./breaker.ts";
import { wantsTraces } from "./config.ts";
import type { Config } from "./config.ts";
import { consume } from "./consume.ts";
import { findExposures } from "./exposures.ts";
import { toFailure } from "./failure.ts";
import { openHealthServer, stuckMs } from "./health.ts";
import { exposition } from "./metrics.ts";
import {
  allOrEveryFault,
  connectionOf,
  openContract,
  openDatabase,
  openKeys,
  openMaintenance,
  orExplain,
  orExplainDatabase,
} from "./open-work.ts";
import { findDenied, findUnwritable, preflight } from "./preflight.ts";
import type { Finding } from "./preflight.ts";
import type { Totals } from "./progress.ts";
import { createTelemetry } from "./telemetry.ts";
import { openTracing } from "./tracing.ts";
import { answerSupervisor } from "./workers/answer.ts";

export interface Service extends AsyncDisposable {
  /** What preflight found; with an error among them, do not run. */
  readonly findings: readonly Finding[];
  /** What else a check asks, and a start does not: calls that do nothing to any message, and rows that are taken back. */
  readonly findMore: () => Promise<readonly Finding[]>;
  /** What it works on, for the log. */
  readonly about: {
    readonly contract: string;
    /** Of /live, /ready and /metrics; null of a worker, whose supervisor serves them. */
    readonly port: number | null;
    readonly region: string;
    /** What named the region. */
    readonly regionFrom: string;
    /** Whether originals are kept, sealed. */
    readonly vault: "on" | "off";
    /** When the database's daily maintenance last ended. */
    readonly maintained: string;
  };
  readonly totals: () => Totals;
  /** Consumes until `stop` aborts, or until the queue stays empty; false where it ended for another reason. */
  readonly run: (
    signals: { stop: AbortController; giveUp: AbortSignal },
    mode: RunMode,
  ) => Promise<boolean>;
}

export interface RunMode {
  readonly untilEmpty: boolean;
}

const regionNames: Readonly<Record<Target["regionFrom"], string>> = {
  queue_url: "SQS_QUEUE_URL",
  option: "AWS_REGION",
  sdk: "the AWS SDK's configuration",
  nothing: "nothing",
};

export interface Composition {
  readonly config: Config;
  readonly log: Logger;
  /** Whether another process serves its health and metrics. */
  readonly isWorker: boolean;
}

/** Builds the service. What was opened is closed in reverse, also when building fails half-way. */
export async function compose({ config, log, isWorker }: Composition): Promise<Service> {
  await using opening = new AsyncDisposableStack();
  const contract = await openContract(config);
  const queue = opening.use(
    openQueue({
      queueUrl: config.SQS_QUEUE_URL,
      ...(config.AWS_REGION !== null && { region: config.AWS_REGION }),
      ...(config.AWS_ENDPOINT_URL_SQS !== null && { endpoint: config.AWS_ENDPOINT_URL_SQS }),
    }),
  );
  const openWriter = () =>
    openDatabase({ config, contract, log }, { poolSize: config.MASKLINE_WRITERS + 1 });
  const database = opening.use(openWriter());
  const [keys, target, attributes, access] = await allOrEveryFault([
    openKeys(config, contract),
    orExplain(queue.target(), "the queue has no place", "correct AWS_ENDPOINT_URL_SQS"),
    orExplain(
      queue.attributes(),
      "the queue cannot be read",
      "check SQS_QUEUE_URL, AWS_REGION, AWS_ENDPOINT_URL_SQS, the credentials, and the permission sqs:GetQueueAttributes",
    ),
    orExplainDatabase(database.check()),
  ]);

  const exposures = await findExposures({
    config,
    server: trustOf(connectionOf(config)),
    loggedBy: access.loggedBy,
  });
  const exporter = new PrometheusExporter(exposition);
  const provider = new MeterProvider({ readers: [exporter] });
  opening.defer(() => provider.shutdown());
  const meter = provider.getMeter("maskline");
  const telemetry = createTelemetry(meter, log, {
    labels: {
      reasons: contract.reasons,
      oddities: contract.oddities,
      damages: damageKinds,
      failures: {
        receive: queueErrorCodes,
        renew: queueErrorCodes,
        write: databaseReasons,
        depth: queueErrorCodes,
        maintain: databaseReasons,
      },
    },
    build: { version: manifest.version, contract: contract.name },
  });
  const { progress } = telemetry;

  const tracing = opening.use(
    await openTracing(wantsTraces(config), (fault) =>
      log.warn(toFailure("trace", fault), "the last traces were not delivered"),
    ),
  );

  let isRunning = false;
  const breaker = createBreaker((open) => telemetry.breakerChanged(open, !isRunning));
  const live = (): boolean => !isRunning || breaker.open || progress.sincePollMs() < stuckMs;
  const ready = (): boolean => isRunning && !breaker.open && progress.receives();
  const health = isWorker
    ? opening.use(
        answerSupervisor({
          health: async () => ({ isLive: live(), isReady: ready() }),
          metrics: async () => (await exporter.collect()).resourceMetrics.scopeMetrics,
        }),
      )
    : opening.use(
        await openHealthServer(
          { host: config.HOST, port: config.PORT },
          {
            live,
            ready,
            metrics: (request, response) => exporter.getMetricsRequestHandler(request, response),
          },
        ),
      );

  const opened = opening.move();
  return {
    findings: exposures.concat(
      preflight(attributes, {
        batchAgeMs: config.MASKLINE_BATCH_AGE_MS,
        hasVault: keys.sealer !== null,
        readsMaskedData: access.readsMaskedData,
        preparesTransactions: access.preparesTransactions,
        additions: access.additions,
        readingRequesters: access.readingRequesters,
        isRestored: access.isRestored,
        maintains: config.MASKLINE_MAINTENANCE === "on",
        maintainedAt: access.maintainedAt,
        namesPrivateKeyring: config.RECOVER_PRIVATE_KEYRING !== null,
        unknownSettings: config.unknownSettings,
        ignoredSettings: config.ignoredSettings,
        regionFrom: target.regionFrom,
        waitSeconds: config.MASKLINE_WAIT_SECONDS,
        shutdownSeconds: config.MASKLINE_SHUTDOWN_SECONDS,
        workers: config.MASKLINE_WORKERS,
        cores: availableParallelism(),
      }),
    ),
    async findMore() {
      await using second = openWriter();
      const found = await Promise.all([findDenied(queue), findUnwritable(database, second)]);
      return found.flat();
    },
    about: {
      contract: contract.name,
      port: "port" in health ? health.port : null,
      region: target.region,
      regionFrom: regionNames[target.regionFrom],
      vault: keys.sealer === null ? "off" : "on",
      maintained: access.maintainedAt?.toISOString() ?? "never",
    },
    totals: progress.totals,
    async run({ stop, giveUp }, mode) {
      isRunning = true;
      stop.signal.addEventListener("abort", () => (isRunning = false), { once: true });
      const takeTurn = openMaintenance(config);
      const open = { queue, database, takeTurn, breaker, telemetry, tracer: tracing.tracer };
      return consume(open, { config, attributes, ...keys }, { stop, giveUp, ...mode });
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
