/** The composition root: opens the adapters and fits them together. */
import { DatabaseError, connectWriter, databaseReasons, trustOf } from "@org/db/writer";
import { MaskingError, createTokenizer } from "@org/masking";
import type { Keyring } from "@org/masking";
import { loadKeyring } from "@org/masking/keyring";
import { createSealer } from "@org/masking/seal";
import type { Sealer } from "@org/masking/seal";
import {
  ContractError,
  createParser,
  createSubjectTag,
  createToRow,
  loadContract,
  tagFields,
} from "@org/schema";
import type { AnyContract, SubjectTag, ToRow } from "@org/schema";
import { QueueError, damageKinds, openQueue, queueErrorCodes } from "@org/sqs";
import type { QueueAttributes, Target } from "@org/sqs";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { Logger } from "pino";

import manifest from "../package.json" with { type: "json" };
import { adviceFor } from "./advice.ts";
import { createStartTrace } from "./batch-trace.ts";
import { createBreaker } from "./breaker.ts";
import { createBuffer } from "./buffer.ts";
import { createCarry } from "./carry.ts";
import { wantsTraces } from "./config.ts";
import type { Config } from "./config.ts";
import { findExposures } from "./exposures.ts";
import { StartFault, toFailure } from "./failure.ts";
import { createFlood } from "./flood.ts";
import { openHealthServer } from "./health.ts";
import { createLeases } from "./leases.ts";
import { findDenied, findUnwritable, preflight } from "./preflight.ts";
import type { Finding } from "./preflight.ts";
import type { Totals } from "./progress.ts";
import { run } from "./run.ts";
import { createAck } from "./stages/ack.ts";
import { createOpenCommit } from "./stages/commit.ts";
import { createReceive } from "./stages/receive.ts";
import { createWrite } from "./stages/write.ts";
import { createTelemetry } from "./telemetry.ts";
import { openTracing } from "./tracing.ts";
import { untilEmpty } from "./until-empty.ts";

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

/** Drained mode asks more often: its polls must not outlive the queue's last message by long. */
const drainWaitSeconds = 1;

/** Longer than any healthy poll: past it only a restart can help. */
const stuckMs = 120_000;

const dayMs = 86_400_000;
/** SQS's longest retention; a queue's own may be raised while this runs. */
const longestRetentionMs = 14 * dayMs;

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
  const [{ toRow, tag, sealer }, target, attributes, access] = await allOrEveryFault([
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
      failures: { receive: queueErrorCodes, renew: queueErrorCodes, write: databaseReasons },
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
        hasVault: sealer !== null,
        readsMaskedData: access.readsMaskedData,
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
      vault: sealer === null ? "off" : "on",
    },
    totals: progress.totals,
    async run({ stop, giveUp }, mode) {
      const buffer = createBuffer({
        maxMessages: config.MASKLINE_MAX_IN_FLIGHT,
        maxBytes: config.MASKLINE_MAX_IN_FLIGHT_BYTES,
        batchSize: config.MASKLINE_BATCH_SIZE,
        batchAgeMs: config.MASKLINE_BATCH_AGE_MS,
      });
      const leases = createLeases(queue, {
        visibilityTimeoutSeconds: attributes.visibilityTimeoutSeconds,
        events: telemetry.leases,
      });
      using watching = new DisposableStack();
      watching.use(telemetry.watch({ buffer, breaker, leases }));
      const { flooded } = telemetry;
      const flood = watching.use(
        createFlood(config.MASKLINE_MAX_QUARANTINED_PER_MINUTE, {
          trip: breaker.createTrip(),
          flooded,
        }),
      );
      const ack = createAck({ queue, leases }, { events: telemetry.ack, giveUp });
      const receive = createReceive(
        { queue, buffer, leases, breaker },
        {
          pollers: config.MASKLINE_POLLERS,
          waitSeconds: mode.untilEmpty ? drainWaitSeconds : config.MASKLINE_WAIT_SECONDS,
          ...maxAgeOf(attributes),
          maxReceiveCount: attributes.redrive?.maxReceiveCount ?? null,
          returnAllOnDamage: attributes.fifo,
          release: ack.release,
          giveUp,
          events: telemetry.receive,
        },
      );
      const openCommit = createOpenCommit(
        { database, breaker },
        {
          failed: telemetry.write.failed,
          wrote(result, durationMs) {
            telemetry.write.wrote(result, durationMs);
            flood.wrote(result);
          },
        },
      );
      const carry = createCarry(
        {
          parse: createParser(contract, { unwrap: config.MASKLINE_UNWRAP }),
          toRow,
          tag,
          write: createWrite({ openCommit, probe: database.probe, breaker }, telemetry.write),
          openBatch: sealer && (() => sealer.openBatch()),
        },
        telemetry.carry,
      );

      isRunning = true;
      stop.signal.addEventListener("abort", () => (isRunning = false), { once: true });
      const running = run(
        {
          receive,
          buffer,
          leases,
          carry,
          ack,
          startTrace: createStartTrace(tracing.tracer),
          writers: attributes.fifo ? 1 : config.MASKLINE_WRITERS,
        },
        { stop: stop.signal, giveUp },
      );
      if (mode.untilEmpty) {
        const drained = untilEmpty(queue, {
          inHand: () => leases.size,
          emptyPolls: progress.emptyPolls,
          isHalted: progress.isHalted,
          failed: (error) => telemetry.receive.failed(toFailure("receive", error)),
          stop: stop.signal,
        });
        await Promise.race([running, drained.then(() => stop.abort())]);
      }
      await running;
      return !progress.isHalted();
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

/** What claims to be older than the queue can keep a message is damaged; where it keeps them for ever, nothing is too old. */
function maxAgeOf({ retentionSeconds }: QueueAttributes): { maxAgeMs?: number } {
  if (retentionSeconds === null) return {};
  return { maxAgeMs: Math.max(longestRetentionMs, retentionSeconds * 1000) + dayMs };
}

interface Keys {
  readonly toRow: ToRow<AnyContract>;
  readonly tag: SubjectTag;
  /** null: the vault is off. */
  readonly sealer: Sealer | null;
}

async function openKeys(config: Config, contract: AnyContract): Promise<Keys> {
  const tenant = config.MASKLINE_TENANT;
  const keyring = await loadKeyring(config.MASKLINE_KEYRING, { env: config.env });
  const fields = { ...contract.tokenFields, ...tagFields(contract) };
  const tokenizer = createTokenizer<string>(keyring, { tenant, fields });
  return {
    toRow: createToRow(contract, tokenizer),
    tag: createSubjectTag(contract, tokenizer, { unwrap: config.MASKLINE_UNWRAP }),
    sealer: openSealer(keyring, config),
  };
}

/** A recipient in the keyring means that originals are kept, sealed, unless the operator says no. */
function openSealer(keyring: Keyring, config: Config): Sealer | null {
  const { MASKLINE_TENANT: tenant, MASKLINE_VAULT: vault } = config;
  // Also one that cannot be sealed to: what was written without the vault meanwhile could never be recovered.
  const hasRecipient = keyring.recipients.some(({ state }) => state !== "disabled");
  if (vault === "off" || (vault === null && !hasRecipient)) return null;
  if (!keyring.recipients.some(({ state }) => state === "primary")) {
    throw new StartFault(
      "the vault has nobody to seal to: no recipient in the file that MASKLINE_KEYRING names is primary",
      "`pnpm recover keys promote KID --recipient` makes one primary; MASKLINE_VAULT=off starts without a vault, and keeps no originals",
    );
  }
  return createSealer(keyring, { tenant });
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
