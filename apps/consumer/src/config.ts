/** The consumer's settings, one row each. The only reader of process.env. */
import {
  type Environment,
  type Reader,
  type SettingFault,
  type ValuesOf,
  boolean,
  choose,
  httpUrl,
  list,
  oneOf,
  optional,
  path,
  postgresUrl,
  profileSettings,
  readSettings,
  required,
  text,
  unknownNames,
  whereKnown,
  wholeNumber,
  withDefault,
} from "@org/settings";
import type { PasswordSource } from "@org/db/writer";
import type { UnwrapPolicy } from "@org/schema";

/** A queue's URL is sent to SQS as it is here: with a slash at its end it would be another one. */
const queueUrl: Reader<string> = {
  form: "the queue's URL, such as https://sqs.eu-central-1.amazonaws.com/123456789012/login-queue",
  read(given, environment) {
    const url = httpUrl().read(given.replace(/\/+$/, ""), environment);
    return url !== null && /^https?:\/\/[^/?#@]+\/[^?#]+$/i.test(url) ? url : null;
  },
};

const envelopes: Reader<UnwrapPolicy> = {
  form: "SNS topic ARNs and EventBridge sources, separated by commas",
  read(given, environment) {
    const names = list().read(given, environment) ?? [];
    return {
      snsTopicArns: names.filter((name) => name.startsWith("arn:")),
      eventBridgeSources: names.filter((name) => !name.startsWith("arn:")),
    };
  },
};

/** OpenTelemetry takes a list; of those it names, this program has one. */
const tracesExporter: Reader<"otlp" | "none"> = {
  form: "otlp or none",
  read(given, environment) {
    const names = list().read(given.toLowerCase(), environment) ?? [];
    return (["otlp", "none"] as const).find((name) => names.includes(name)) ?? null;
  },
};

const passwordSource: Reader<PasswordSource> = {
  form: "file:PATH, or command:WHAT /bin/sh RUNS",
  read(given, environment) {
    const [, kind, what = ""] = /^(file|command):(.+)$/s.exec(given) ?? [];
    if (kind === "command") return { command: what };
    const file = path().read(what, environment);
    return kind === "file" && file !== null ? { file } : null;
  },
};

const mebibyte = 1024 * 1024;

const settings = {
  SQS_QUEUE_URL: required(queueUrl, ""),
  AWS_REGION: optional(
    text(/^[a-z\d-]+$/i),
    "the queue's region; leave it unset to take it from the queue's URL",
  ),
  AWS_ENDPOINT_URL_SQS: optional(httpUrl(), "only for an SQS server that is not AWS"),
  DATABASE_URL: optional(
    postgresUrl(),
    "a login that is a member of maskline_writer; or set PGHOST and the other PG* variables",
  ),
  PGHOST: optional(text(), "the Postgres host, where DATABASE_URL is not set"),
  DATABASE_PASSWORD_FROM: optional(
    passwordSource,
    "read at each connect, instead of a password in DATABASE_URL: it may be rotated while the consumer runs",
  ),
  MASKLINE_CONTRACT: withDefault(
    "login",
    text(),
    "the name of a contract that is shipped, or the path of a contract module",
  ),
  MASKLINE_KEYRING: required(
    path(),
    "path of the keyring file; `pnpm recover keys init` writes one for development",
  ),
  MASKLINE_VAULT: optional(
    oneOf("on", "off"),
    "leave it unset to have the vault where the keyring has a recipient",
  ),
  MASKLINE_TENANT: withDefault(
    "default",
    text(/^[\w.-]{1,64}$/, "up to 64 letters, digits, '.', '_' or '-'"),
    "",
  ),
  MASKLINE_UNWRAP: withDefault({ snsTopicArns: [], eventBridgeSources: [] }, envelopes, ""),
  MASKLINE_BATCH_SIZE: withDefault(
    1_000,
    wholeNumber({ min: 1, max: 10_000 }),
    "messages a transaction",
  ),
  MASKLINE_BATCH_AGE_MS: withDefault(
    100,
    wholeNumber({ min: 0, max: 60_000 }),
    "milliseconds a message may wait for its batch",
  ),
  MASKLINE_POLLERS: withDefault(128, wholeNumber({ min: 1, max: 256 }), "most long polls at once"),
  MASKLINE_WRITERS: withDefault(2, wholeNumber({ min: 1, max: 16 }), "most transactions at once"),
  MASKLINE_MAX_IN_FLIGHT: withDefault(
    10_000,
    wholeNumber({ min: 10, max: 100_000 }),
    "most messages in hand",
  ),
  MASKLINE_MAX_IN_FLIGHT_BYTES: withDefault(
    64 * mebibyte,
    wholeNumber({ min: mebibyte, max: 2 ** 40 }),
    "most bytes of bodies in hand",
  ),
  MASKLINE_MAX_QUARANTINED_PER_MINUTE: withDefault(
    10_000,
    wholeNumber({ min: 100, max: 1e9 }),
    "quarantined messages a minute at which receiving stops, where they outnumber the rows",
  ),
  MASKLINE_WORKERS: withDefault(
    1,
    wholeNumber({ min: 1, max: 64 }),
    "processes that consume, one for each core; connections and bounds are each one's own",
  ),
  // SQS's own bounds for WaitTimeSeconds (API_ReceiveMessage).
  MASKLINE_WAIT_SECONDS: withDefault(
    20,
    wholeNumber({ min: 1, max: 20 }),
    "seconds of a long poll",
  ),
  MASKLINE_SHUTDOWN_SECONDS: withDefault(
    25,
    wholeNumber({ min: 1, max: 600 }),
    "seconds from SIGTERM to exit",
  ),
  MASKLINE_MAINTENANCE: withDefault(
    "on",
    oneOf("on", "off"),
    "off where the database's daily work is scheduled: then nobody else does it",
  ),
  OTEL_SDK_DISABLED: whereKnown(boolean(), "turns traces off"),
  OTEL_TRACES_EXPORTER: whereKnown(tracesExporter, ""),
  OTEL_EXPORTER_OTLP_ENDPOINT: whereKnown(
    httpUrl(),
    "of an OpenTelemetry collector; setting it turns traces on",
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: whereKnown(
    httpUrl(),
    "as OTEL_EXPORTER_OTLP_ENDPOINT, for traces alone",
  ),
  LOG_LEVEL: withDefault("info", oneOf("fatal", "error", "warn", "info", "debug", "silent"), ""),
  HOST: optional(text(), "address of /live, /ready and /metrics; leave it unset for every one"),
  PORT: withDefault(
    8080,
    wholeNumber({ min: 0, max: 65_535 }),
    "port of /live, /ready and /metrics; 0 takes a free one",
  ),
  ...profileSettings,
  /** The recover tool's: what opens the vault must not be within reach. */
  RECOVER_PRIVATE_KEYRING: optional(text(), "the consumer never needs it"),
};

/** What a batch needs wherever it is carried; all that AWS Lambda leaves to be set. */
const workNames = [
  "DATABASE_URL",
  "PGHOST",
  "DATABASE_PASSWORD_FROM",
  "MASKLINE_CONTRACT",
  "MASKLINE_KEYRING",
  "MASKLINE_VAULT",
  "MASKLINE_TENANT",
  "MASKLINE_UNWRAP",
  "MASKLINE_PROFILE",
  "MASKLINE_ALLOW",
  "LOG_LEVEL",
  "RECOVER_PRIVATE_KEYRING",
] as const satisfies readonly (keyof typeof settings)[];

/** What else is to be said of the environment. */
interface Surroundings {
  /** Variables that are named like settings and are none. */
  readonly unknownSettings: readonly string[];
  /** What others define and is not known here: warned of, and not in force. */
  readonly ignoredSettings: readonly SettingFault[];
  /** For references in the keyring (`env:NAME`), and paths. */
  readonly env: Environment;
}

/** Every setting by the name of its variable. */
export interface Config extends ValuesOf<typeof settings>, Surroundings {}

export interface WorkConfig extends Pick<Config, (typeof workNames)[number]>, Surroundings {}

/** Reads the whole environment; faults name every variable that is missing or wrong, and hold no value. */
export function readConfig(
  env: Environment = process.env,
): { config: Config } | { faults: readonly SettingFault[] } {
  return read(settings, env);
}

/** As {@link readConfig}, of what there is to set in AWS Lambda: its event source receives, and deletes. */
export function readWorkConfig(
  env: Environment = process.env,
): { config: WorkConfig } | { faults: readonly SettingFault[] } {
  return read(choose(settings, workNames), env);
}

function read<Of extends Pick<typeof settings, (typeof workNames)[number]>>(
  chosen: Of,
  env: Environment,
): { config: ValuesOf<Of> & Surroundings } | { faults: readonly SettingFault[] } {
  const reading = readSettings(chosen, env, [["DATABASE_URL", "PGHOST"]]);
  if ("faults" in reading) return reading;
  const { values, ignored } = reading;
  const unknownSettings = unknownNames(chosen, env, "MASKLINE_");
  return { config: { ...values, unknownSettings, ignoredSettings: ignored, env } };
}

/** The contract alone, whatever the other settings are like. */
export function readContractName(env: Environment): string {
  const reading = readSettings(choose(settings, ["MASKLINE_CONTRACT"]), env);
  return "values" in reading ? reading.values.MASKLINE_CONTRACT : "";
}

/** Whether to export traces; where to, the exporter reads from OTEL_EXPORTER_OTLP_* itself. */
export function wantsTraces(config: Config): boolean {
  if (config.OTEL_SDK_DISABLED === true || config.OTEL_TRACES_EXPORTER === "none") return false;
  return (
    config.OTEL_TRACES_EXPORTER === "otlp" ||
    config.OTEL_EXPORTER_OTLP_ENDPOINT !== null ||
    config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== null
  );
}
