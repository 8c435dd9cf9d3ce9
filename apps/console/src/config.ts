/** The console's settings, one row each. The only reader of process.env. */

import { recoverySettings } from "@org/recovery";
import {
  bareUrl,
  type Environment,
  faultLines,
  httpOrigin,
  httpUrl,
  listOf,
  oneOf,
  optional,
  path,
  postgresUrl,
  readSettings,
  required,
  text,
  type ValuesOf,
  wholeNumber,
  withDefault,
} from "@org/settings";

const settings = {
  ...recoverySettings,
  CONSOLE_ORIGIN: required(httpOrigin(), "where people reach the console"),
  CONSOLE_DATABASE_URL: required(
    postgresUrl(),
    "the console's own login, a member of maskline_console and of each person's login",
  ),
  CONSOLE_ISSUER: required(httpUrl(), "the OpenID provider's issuer"),
  CONSOLE_CLIENT_ID: required(text(), "what the OpenID provider calls the console"),
  CONSOLE_CLIENT_SECRET: required(text(), "what the OpenID provider knows the console by"),
  MASKLINE_KEYRING: optional(
    path(),
    "path of the consumer's keyring: for look-ups, and for contracts that mask their subject",
  ),
  CONSOLE_CONSUMERS: optional(listOf(bareUrl()), "where the consumers serve /metrics"),
  CONSOLE_WEBHOOK_URL: optional(bareUrl(), "what is told that a request waits, or was approved"),
  LOG_LEVEL: withDefault("info", oneOf("fatal", "error", "warn", "info", "debug", "silent"), ""),
  HOST: withDefault("127.0.0.1", text(), "address to listen on"),
  PORT: withDefault(8090, wholeNumber({ min: 0, max: 65_535 }), "port; 0 takes a free one"),
};

export interface Config extends ValuesOf<typeof settings> {
  /** For references in keyrings (`env:NAME`), and the path of a contract. */
  readonly env: Environment;
}

/** Faults name every variable that is missing or wrong, and hold no value. */
export function readConfig(
  env: Environment = process.env,
): { config: Config } | { faults: readonly string[] } {
  const reading = readSettings(settings, env);
  if ("faults" in reading) return { faults: faultLines(reading.faults) };
  return { config: { ...reading.values, env } };
}
