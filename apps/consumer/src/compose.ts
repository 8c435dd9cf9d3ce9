/** The composition root: opens the adapters and fits them together. */
import { DatabaseError, connectWriter } from "@org/db/writer";
import { MaskingError, createTokenizer } from "@org/masking";
import type { Keyring, Tokenizer } from "@org/masking";
import { loadKeyring } from "@org/masking/keyring";
import { createSealer } from "@org/masking/seal";
import type { Sealer } from "@org/masking/seal";
import { fieldPolicy } from "@org/schema";
import type { MaskedField } from "@org/schema";
import { QueueError, openQueue } from "@org/sqs";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { Logger } from "pino";

import { createStartTrace } from "./batch-trace.ts";
import { createBreaker } from "./breaker.ts";
import { createBuffer } from "./buffer.ts";
import { createCarry } from "./carry.ts";
import type { Config } from "./config.ts";
import { StartFault, toFailure } from "./failure.ts";
import { openHealthServer } from "./health.ts";
import { createLeases } from "./leases.ts";
import { findDenied, preflight } from "./preflight.ts";
import type { Finding } from "./preflight.ts";
import { run } from "./run.ts";
import { createAck } from "./stages/ack.ts";
import { createMask } from "./stages/mask.ts";
import { createParse } from "./stages/parse.ts";
import { createReceive } from "./stages/receive.ts";
import { createWrite } from "./stages/write.ts";
import { createTelemetry } from "./telemetry.ts";
import type { Totals } from "./telemetry.ts";
import { openTracing } from "./tracing.ts";
import { untilEmpty } from "./until-empty.ts";

export interface Service extends AsyncDisposable {
  /** What preflight found; with an error among them, do not run. */
  readonly findings: readonly Finding[];
  /** What else a check asks, and a start does not: two calls that do nothing to any message. */
  findDenied(): Promise<readonly Finding[]>;
  /** Port of /live, /ready and /metrics. */
  readonly port: number;
  /** Whether originals are kept, sealed. */
  readonly vault: "on" | "off";
  totals(): Totals;
  /** Consumes until `stop` aborts, or until the queue stays empty. */
  run(signals: { stop: AbortController; giveUp: AbortSignal }, mode: RunMode): Promise<void>;
}

export interface RunMode {
  readonly untilEmpty: boolean;
}

/** Drained mode looks more often: its polls must not outlive the queue's last message by long. */
const drainWaitSeconds = 1;

/** Longer than any healthy poll: past it only a restart can help. */
const stuckMs = 120_000;

/** Builds the service. What was opened is closed in reverse, also when building fails half-way. */
export async function compose(config: Config, log: Logger): Promise<Service> {
  await using opening = new AsyncDisposableStack();

  const queue = opening.use(openQueue(config.queue));
  const database = opening.use(
    connectWriter({
      connection: config.databaseUrl === null ? {} : { connectionString: config.databaseUrl },
      poolSize: config.limits.writers + 1,
      onIdleError: (fault) =>
        log.warn(toFailure("write", fault), "an idle connection to the database broke"),
    }),
  );
  const [{ tokenizer, sealer }, attributes, access] = await allOrEveryFault([
    orExplain(
      openKeys(config),
      "MASKLINE_KEYRING",
      "mend the file that MASKLINE_KEYRING names; `pnpm recover keys init` writes a new one for development",
    ),
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

  const exporter = new PrometheusExporter({
    preventServerStart: true,
    withoutScopeInfo: true,
    withoutTargetInfo: true,
  });
  const provider = new MeterProvider({ readers: [exporter] });
  opening.defer(() => provider.shutdown());
  const telemetry = createTelemetry(provider.getMeter("maskline"), log);

  const tracing = opening.use(
    await openTracing(config.tracing, (fault) =>
      log.warn(toFailure("trace", fault), "the last traces were not delivered"),
    ),
  );

  let isRunning = false;
  const breaker = createBreaker((open) => telemetry.breakerChanged(open, !isRunning));
  const buffer = createBuffer(config.limits);
  telemetry.watch({ buffer, breaker });
  const health = opening.use(
    await orExplain(
      openHealthServer(config.port, {
        live: () => !isRunning || breaker.open || telemetry.sincePollMs() < stuckMs,
        ready: () => isRunning && !breaker.open,
        metrics: (request, response) => exporter.getMetricsRequestHandler(request, response),
      }),
      "health and metrics cannot be served",
      "set PORT to a port that is free, or to 0 for any",
    ),
  );

  const opened = opening.move();
  return {
    findings: preflight(attributes, {
      batchAgeMs: config.limits.batchAgeMs,
      hasVault: sealer !== null,
      readsMaskedData: access.readsMaskedData,
      namesPrivateKeyring: config.namesPrivateKeyring,
      unknownSettings: config.unknownSettings,
      waitSeconds: config.limits.waitSeconds,
      shutdownSeconds: config.shutdownMs / 1000,
    }),
    findDenied: () => findDenied(queue),
    port: health.port,
    vault: sealer === null ? "off" : "on",
    totals: telemetry.totals,
    async run({ stop, giveUp }, mode) {
      const leases = createLeases(queue, {
        visibilityTimeoutSeconds: attributes.visibilityTimeoutSeconds,
        events: telemetry.leases,
      });
      const ack = createAck({ queue, leases }, { events: telemetry.ack, giveUp });
      const receive = createReceive(
        { queue, buffer, leases, breaker },
        {
          pollers: config.limits.pollers,
          waitSeconds: mode.untilEmpty ? drainWaitSeconds : config.limits.waitSeconds,
          returnAllOnDamage: attributes.fifo,
          giveBack: ack.giveBack,
          giveUp,
          events: telemetry.receive,
        },
      );
      const carry = createCarry(
        {
          parse: createParse(config.unwrap),
          mask: createMask(tokenizer),
          write: createWrite({ database, breaker }, telemetry.write),
          openBatch: sealer && (() => sealer.openBatch()),
        },
        telemetry.carry,
      );
      const writers = attributes.fifo ? 1 : config.limits.writers;

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
          writers,
        },
        { stop: stop.signal, giveUp },
      );
      if (mode.untilEmpty) {
        const look = {
          inHand: () => leases.size,
          emptyPolls: telemetry.emptyPolls,
          failed: (error: unknown) => telemetry.receive.failed(toFailure("receive", error)),
          stop: stop.signal,
        };
        await Promise.race([running, untilEmpty(queue, look).then(() => stop.abort())]);
      }
      await running;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

interface Keys {
  readonly tokenizer: Tokenizer<MaskedField>;
  /** null: the vault is off. */
  readonly sealer: Sealer | null;
}

async function openKeys(config: Config): Promise<Keys> {
  const { keyringPath, tenant, env } = config;
  const keyring = await loadKeyring(keyringPath, { env });
  const fields = { ip: fieldPolicy.ip.norm, device_id: fieldPolicy.device_id.norm };
  return {
    tokenizer: createTokenizer(keyring, { tenant, fields }),
    sealer: openSealer(keyring, config),
  };
}

/** A recipient in the keyring means that originals are kept, sealed, unless the operator says no. */
function openSealer(keyring: Keyring, { tenant, vault }: Config): Sealer | null {
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
    const detail = isOurs ? error.message : toFailure("start", error).code;
    throw new StartFault(`${what}: ${detail}`, advice);
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
