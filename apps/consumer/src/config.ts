/** Environment -> Config, every fault reported at once. The only reader of process.env. */
import { resolve } from "node:path";

import { z } from "zod";

/** SQS's own bounds for WaitTimeSeconds (API_ReceiveMessage). */
const waitSeconds = z.coerce.number().int().min(1).max(20);

const flag = (fallback: number, { min, max }: { min: number; max: number }): z.ZodType<number> =>
  z.coerce.number().int().min(min).max(max).default(fallback);

const list = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  );

const variables = z.object({
  SQS_QUEUE_URL: z.url({ protocol: /^https?$/ }),
  AWS_REGION: z.string().min(1).optional(),
  AWS_ENDPOINT_URL_SQS: z.url({ protocol: /^https?$/ }).optional(),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  PGHOST: z.string().min(1).optional(),
  MASKLINE_KEYRING: z.string().min(1),
  MASKLINE_VAULT: z.enum(["on", "off"]).optional(),
  MASKLINE_TENANT: z
    .string()
    .regex(/^[\w.-]{1,64}$/)
    .default("default"),
  MASKLINE_UNWRAP: list,
  MASKLINE_BATCH_SIZE: flag(1_000, { min: 1, max: 10_000 }),
  MASKLINE_BATCH_AGE_MS: flag(100, { min: 0, max: 60_000 }),
  MASKLINE_POLLERS: flag(32, { min: 1, max: 256 }),
  MASKLINE_WRITERS: flag(2, { min: 1, max: 16 }),
  MASKLINE_MAX_IN_FLIGHT: flag(10_000, { min: 10, max: 100_000 }),
  MASKLINE_MAX_IN_FLIGHT_BYTES: flag(64 * 1024 * 1024, { min: 1024 * 1024, max: 2 ** 40 }),
  MASKLINE_WAIT_SECONDS: waitSeconds.default(20),
  MASKLINE_SHUTDOWN_SECONDS: flag(25, { min: 1, max: 600 }),
  OTEL_SDK_DISABLED: z.enum(["true", "false"]).default("false"),
  OTEL_TRACES_EXPORTER: z.enum(["otlp", "none"]).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.url().optional(),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "silent"]).default("info"),
  PORT: flag(8080, { min: 0, max: 65_535 }),
});

/** What to do about a fault in each variable: printed beside it, instead of the value. */
const advice: Record<keyof z.input<typeof variables>, string> = {
  SQS_QUEUE_URL:
    "the queue's URL, such as https://sqs.eu-central-1.amazonaws.com/123456789012/login-queue",
  AWS_REGION: "the queue's region; leave it unset to take it from the queue's URL",
  AWS_ENDPOINT_URL_SQS: "an http(s) URL; only for an SQS server that is not AWS",
  DATABASE_URL:
    "postgresql://USER:PASSWORD@HOST:5432/DATABASE, a login that is a member of maskline_writer; or set PGHOST and the other PG* variables",
  PGHOST: "the Postgres host, where DATABASE_URL is not set",
  MASKLINE_KEYRING: "path of the keyring file; `pnpm recover keys init` writes one for development",
  MASKLINE_VAULT: "on or off; leave it unset to have the vault where the keyring has a recipient",
  MASKLINE_TENANT: "up to 64 letters, digits, '.', '_' or '-'",
  MASKLINE_UNWRAP: "SNS topic ARNs and EventBridge sources, separated by commas",
  MASKLINE_BATCH_SIZE: "messages a transaction, 1 to 10000",
  MASKLINE_BATCH_AGE_MS: "milliseconds a message may wait for its batch, 0 to 60000",
  MASKLINE_POLLERS: "most long polls at once, 1 to 256",
  MASKLINE_WRITERS: "most transactions at once, 1 to 16",
  MASKLINE_MAX_IN_FLIGHT: "most messages in hand, 10 to 100000",
  MASKLINE_MAX_IN_FLIGHT_BYTES: "most bytes of bodies in hand, at least 1048576",
  MASKLINE_WAIT_SECONDS: "seconds of a long poll, 1 to 20",
  MASKLINE_SHUTDOWN_SECONDS: "seconds from SIGTERM to exit, 1 to 600",
  OTEL_SDK_DISABLED: "true or false",
  OTEL_TRACES_EXPORTER: "otlp or none",
  OTEL_EXPORTER_OTLP_ENDPOINT:
    "the http(s) URL of an OpenTelemetry collector; setting it turns traces on",
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "as OTEL_EXPORTER_OTLP_ENDPOINT, for traces alone",
  LOG_LEVEL: "fatal, error, warn, info, debug or silent",
  PORT: "port of /live, /ready and /metrics; 0 takes a free one",
};

const settingNames = Object.keys(advice) as (keyof typeof advice)[];

export interface Config {
  readonly queue: {
    readonly queueUrl: string;
    readonly region?: string;
    readonly endpoint?: string;
  };
  /** null: pg reads the PG* variables itself. */
  readonly databaseUrl: string | null;
  readonly keyringPath: string;
  /** null: on where the keyring has a recipient. */
  readonly vault: "on" | "off" | null;
  readonly tenant: string;
  readonly unwrap: {
    readonly snsTopicArns: readonly string[];
    readonly eventBridgeSources: readonly string[];
  };
  readonly limits: {
    readonly batchSize: number;
    readonly batchAgeMs: number;
    readonly pollers: number;
    readonly writers: number;
    readonly maxMessages: number;
    readonly maxBytes: number;
    readonly waitSeconds: number;
  };
  readonly shutdownMs: number;
  /** Export traces; where to, the exporter reads from OTEL_EXPORTER_OTLP_* itself. */
  readonly tracing: boolean;
  readonly logLevel: string;
  readonly port: number;
  /** Variables that are named like settings and are none: a misspelt one is a default nobody chose. */
  readonly unknownSettings: readonly string[];
  /** The recover tool's setting is here too: what opens the vault is within reach. */
  readonly namesPrivateKeyring: boolean;
  /** For references in the keyring (`env:NAME`). */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ConfigFault {
  readonly variable: string;
  readonly problem: "is not set" | "is not usable";
  readonly advice: string;
}

/** Reads the whole environment; faults name every variable that is missing or wrong, and hold no value. */
export function readConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
): { config: Config } | { faults: readonly ConfigFault[] } {
  // An empty variable is an unset one, as most shells and compose files mean it.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = variables.safeParse(given);
  const faultyNames = new Set(parsed.error?.issues.map(({ path }) => String(path[0])));
  if (given["DATABASE_URL"] === undefined && given["PGHOST"] === undefined)
    faultyNames.add("DATABASE_URL");

  if (!parsed.success || faultyNames.size > 0) {
    const faults = settingNames
      .filter((name) => faultyNames.has(name))
      .map((name): ConfigFault => ({
        variable: name,
        problem: given[name] === undefined ? "is not set" : "is not usable",
        advice: advice[name],
      }));
    return { faults };
  }
  return { config: toConfig(parsed.data, env) };
}

function wantsTraces(data: z.output<typeof variables>): boolean {
  if (data.OTEL_SDK_DISABLED === "true" || data.OTEL_TRACES_EXPORTER === "none") return false;
  return (
    data.OTEL_TRACES_EXPORTER === "otlp" ||
    data.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined ||
    data.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined
  );
}

function isUnknownSetting(name: string): boolean {
  return name.startsWith("MASKLINE_") && !settingNames.some((known) => known === name);
}

function isTopic(name: string): boolean {
  return name.startsWith("arn:");
}

function toConfig(
  data: z.output<typeof variables>,
  env: Readonly<Record<string, string | undefined>>,
): Config {
  return {
    queue: {
      queueUrl: data.SQS_QUEUE_URL,
      ...(data.AWS_REGION !== undefined && { region: data.AWS_REGION }),
      ...(data.AWS_ENDPOINT_URL_SQS !== undefined && { endpoint: data.AWS_ENDPOINT_URL_SQS }),
    },
    databaseUrl: data.DATABASE_URL ?? null,
    // pnpm runs the start script in the package's folder; a path is meant from where pnpm was called.
    keyringPath: resolve(env["INIT_CWD"] ?? "", data.MASKLINE_KEYRING),
    vault: data.MASKLINE_VAULT ?? null,
    tenant: data.MASKLINE_TENANT,
    unwrap: {
      snsTopicArns: data.MASKLINE_UNWRAP.filter(isTopic),
      eventBridgeSources: data.MASKLINE_UNWRAP.filter((name) => !isTopic(name)),
    },
    limits: {
      batchSize: data.MASKLINE_BATCH_SIZE,
      batchAgeMs: data.MASKLINE_BATCH_AGE_MS,
      pollers: data.MASKLINE_POLLERS,
      writers: data.MASKLINE_WRITERS,
      maxMessages: data.MASKLINE_MAX_IN_FLIGHT,
      maxBytes: data.MASKLINE_MAX_IN_FLIGHT_BYTES,
      waitSeconds: data.MASKLINE_WAIT_SECONDS,
    },
    shutdownMs: data.MASKLINE_SHUTDOWN_SECONDS * 1000,
    tracing: wantsTraces(data),
    logLevel: data.LOG_LEVEL,
    port: data.PORT,
    unknownSettings: Object.keys(env).filter(isUnknownSetting),
    namesPrivateKeyring: Boolean(env["RECOVER_PRIVATE_KEYRING"]),
    env,
  };
}
