/** The composition root: opens the adapters and fits them together. */
import {
  DatabaseError,
  connectWriter,
  passwordFrom,
  databaseReasons,
  trustOf,
} from "@org/db/writer";
import { MaskingError, createTokenizer } from "@org/masking";
import type { Keyring } from "@org/masking";
import { loadKeyring } from "@org/masking/keyring";
import { openSealer } from "@org/masking/seal";
import type { Sealer } from "@org/masking/seal";
import {
  ContractError,
  createParser,
  createSubjectTag,
  createToRow,
  loadContract,
  tagFields,
} from "@org/schema";
import type { AnyContract } from "@org/schema";
import { QueueError, damageKinds, openQueue, queueErrorCodes } from "@org/sqs";
import type { Target } from "@org/sqs";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { Logger } from "pino";

import manifest from "../package.json" with { type: "json" };
import { adviceFor } from "./advice.ts";
import { createBreaker } from "./breaker.ts";
import { wantsTraces } from "./config.ts";
import type { Config } from "./config.ts";
import { consume } from "./consume.ts";
import type { Masking } from "./consume.ts";
import { findExposures } from "./exposures.ts";
import { StartFault, toFailure } from "./failure.ts";
import { openHealthServer } from "./health.ts";
import { findDenied, findUnwritable, preflight } from "./preflight.ts";
import type { Finding } from "./preflight.ts";
import type { Totals } from "./progress.ts";
import { createTelemetry } from "./telemetry.ts";
import { openTracing } from "./tracing.ts";

export interface Service extends AsyncDisposable {
  /** What preflight found; with an error among them, do not run. */
  readonly findings: readonly Finding[];
  /** What else a check asks, and a start does not: calls that do nothing to any message, and rows that are taken back. */
  readonly findMore: () => Promise<readonly Finding[]>;
  /** What it works on, for the log. */
  readonly about: {
    readonly contract: string;
    /** Of /live, /ready and /metrics. */
    readonly port: number;
    readonly region: string;
    /** What named the region. */
    readonly regionFrom: string;
    /** Whether originals are kept, sealed. */
    readonly vault: "on" | "off";
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

/** Longer than any healthy poll: past it only a restart can help. */
const stuckMs = 120_000;

const regionNames: Readonly<Record<Target["regionFrom"], string>> = {
  queue_url: "SQS_QUEUE_URL",
  option: "AWS_REGION",
  sdk: "the AWS SDK's configuration",
  nothing: "nothing",
};

/** Builds the service. What was opened is closed in reverse, also when building fails half-way. */
export async function compose(config: Config, log: Logger): Promise<Service> {
  await using opening = new AsyncDisposableStack();
  const contract = await openContract(config);
  const queue = opening.use(
    openQueue({
      queueUrl: config.SQS_QUEUE_URL,
      ...(config.AWS_REGION !== null && { region: config.AWS_REGION }),
      ...(config.AWS_ENDPOINT_URL_SQS !== null && { endpoint: config.AWS_ENDPOINT_URL_SQS }),
    }),
  );
  const connection = {
    // pg reads the PG* variables itself.
    ...(config.DATABASE_URL !== null && { connectionString: config.DATABASE_URL }),
    ...(config.DATABASE_PASSWORD_FROM !== null && {
      readPassword: passwordFrom(config.DATABASE_PASSWORD_FROM),
    }),
    sendsWeakPassword: config.MASKLINE_ALLOW.includes("weak_password"),
  };
  const openWriter = () =>
    connectWriter({
      connection,
      contract,
      poolSize: config.MASKLINE_WRITERS + 1,
      onIdleError: (fault) =>
        log.warn(toFailure("write", fault), "an idle connection to the database broke"),
    });
  const database = opening.use(openWriter());
  const [keys, target, attributes, access] = await allOrEveryFault([
    orExplain(
      openKeys(config, contract),
      "MASKLINE_KEYRING",
      "correct the file that MASKLINE_KEYRING names; `pnpm recover keys init` writes a new one for development",
    ),
    orExplain(queue.target(), "the queue has no place", "correct AWS_ENDPOINT_URL_SQS"),
    orExplain(
      queue.attributes(),
      "the queue cannot be read",
      "check SQS_QUEUE_URL, AWS_REGION, AWS_ENDPOINT_URL_SQS, the credentials, and the permission sqs:GetQueueAttributes",
    ),
    orExplain(
      database.check(),
      "the database is not ready",
      "check DATABASE_URL; its login must be a member of maskline_writer; `pnpm migrate` brings the schema up to date",
    ),
  ]);

  const exposures = await findExposures({
    config,
    server: trustOf(connection),
    loggedBy: access.loggedBy,
  });
  const exporter = new PrometheusExporter({
    preventServerStart: true,
    withoutScopeInfo: true,
    withoutTargetInfo: true,
  });
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
  const health = opening.use(
    await orExplain(
      openHealthServer(
        { host: config.HOST, port: config.PORT },
        {
          live: () => !isRunning || breaker.open || progress.sincePollMs() < stuckMs,
          ready: () => isRunning && !breaker.open && progress.receives(),
          metrics: (request, response) => exporter.getMetricsRequestHandler(request, response),
        },
      ),
      "health and metrics cannot be served",
      "set PORT to a port that is free, or to 0 for any, and HOST to an address of this machine",
    ),
  );

  const opened = opening.move();
  return {
    findings: exposures.concat(
      preflight(attributes, {
        batchAgeMs: config.MASKLINE_BATCH_AGE_MS,
        hasVault: keys.sealer !== null,
        readsMaskedData: access.readsMaskedData,
        isRestored: access.isRestored,
        namesPrivateKeyring: config.RECOVER_PRIVATE_KEYRING !== null,
        unknownSettings: config.unknownSettings,
        ignoredSettings: config.ignoredSettings,
        regionFrom: target.regionFrom,
        waitSeconds: config.MASKLINE_WAIT_SECONDS,
        shutdownSeconds: config.MASKLINE_SHUTDOWN_SECONDS,
      }),
    ),
    async findMore() {
      await using second = openWriter();
      const found = await Promise.all([findDenied(queue), findUnwritable(database, second)]);
      return found.flat();
    },
    about: {
      contract: contract.name,
      port: health.port,
      region: target.region,
      regionFrom: regionNames[target.regionFrom],
      vault: keys.sealer === null ? "off" : "on",
    },
    totals: progress.totals,
    async run({ stop, giveUp }, mode) {
      isRunning = true;
      stop.signal.addEventListener("abort", () => (isRunning = false), { once: true });
      const open = { queue, database, breaker, telemetry, tracer: tracing.tracer };
      return consume(open, { config, attributes, ...keys }, { stop, giveUp, ...mode });
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** The contract that a process serves. */
async function openContract({ MASKLINE_CONTRACT, env }: Config): Promise<AnyContract> {
  return loadContract(MASKLINE_CONTRACT, env["INIT_CWD"]).catch((error: unknown) => {
    if (!(error instanceof ContractError)) throw error;
    throw new StartFault(
      [error.message, ...error.faults].join("\n"),
      "correct the contract, or set MASKLINE_CONTRACT to the name of one that is shipped or to the path of one",
    );
  });
}

async function openKeys(config: Config, contract: AnyContract): Promise<Masking> {
  const tenant = config.MASKLINE_TENANT;
  const keyring = await loadKeyring(config.MASKLINE_KEYRING, { env: config.env });
  const fields = { ...contract.tokenFields, ...tagFields(contract) };
  const tokenizer = createTokenizer<string>(keyring, { tenant, fields });
  return {
    parse: createParser(contract, { unwrap: config.MASKLINE_UNWRAP }),
    toRow: createToRow(contract, tokenizer),
    tag: createSubjectTag(contract, tokenizer, { unwrap: config.MASKLINE_UNWRAP }),
    sealer: openVault(keyring, config),
  };
}

function openVault(keyring: Keyring, config: Config): Sealer | null {
  const { MASKLINE_TENANT: tenant, MASKLINE_VAULT: vault } = config;
  try {
    return openSealer(keyring, { tenant, vault });
  } catch (error) {
    if (!(error instanceof MaskingError)) throw error;
    throw new StartFault(
      "the vault has nobody to seal to: no recipient in the file that MASKLINE_KEYRING names is primary",
      "`pnpm recover keys promote KID --recipient` makes one primary; MASKLINE_VAULT=off starts without a vault, and keeps no originals",
    );
  }
}

async function orExplain<T>(opening: Promise<T>, what: string, advice: string): Promise<T> {
  return opening.catch((error: unknown) => {
    if (error instanceof StartFault) throw error;
    const isOurs =
      error instanceof MaskingError ||
      error instanceof DatabaseError ||
      error instanceof QueueError;
    const { reason } = toFailure("start", error);
    const detail = isOurs ? error.message : reason;
    throw new StartFault(`${what}: ${detail}`, adviceFor(reason, advice));
  });
}

/** Waits for all of them, so that whoever starts the service hears of every fault at once. */
async function allOrEveryFault<T extends readonly Promise<unknown>[]>(
  openings: readonly [...T],
): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
  const settled = await Promise.allSettled(openings);
  const faults = settled.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  if (faults.length > 0) throw new AggregateError(faults);
  return Promise.all(openings);
}
