/** Environment -> settings, every fault reported at once. The only reader of process.env. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import {
  choose,
  type Environment,
  faultLines,
  path,
  postgresUrl,
  readSettings as readAll,
  required,
  text,
  type ValuesOf,
} from "@org/settings";
import { exit, RecoverError, recoverySettings } from "@org/recovery";

/** Each with what it holds: printed beside a fault, instead of the value. */
const settings = {
  ...recoverySettings,
  RECOVER_DATABASE_URL: required(
    postgresUrl(),
    "your own login, a member of a maskline role: postgresql://USER:PASSWORD@HOST:5432/DATABASE",
  ),
  RECOVER_CHECKPOINT: required(
    text(),
    "a place for checkpoints, as the recover keyring names it: a directory, or s3://BUCKET/PREFIX",
  ),
  MASKLINE_KEYRING: required(
    path(),
    "path of the consumer's keyring; `recover keys init` writes one",
  ),
};

type Known = typeof settings;

export const processEnv = (): Environment => process.env;

/**
 * Settings with those of a file that somebody named on purpose; the environment's own count first.
 * No file is read unasked: one in the working directory may be another person's.
 *
 * @throws {@link RecoverError} (exit 2) if the file cannot be read.
 */
export function withFile(env: Environment, file: string): Environment {
  try {
    return { ...parseEnv(readFileSync(resolvePath(env, file), "utf8")), ...env };
  } catch {
    throw new RecoverError(exit.configuration, `The file of settings cannot be read: ${file}`, {
      advice: "Name another with --env-file, or set the variables in the environment.",
    });
  }
}

/**
 * Reads the named variables.
 *
 * @throws {@link RecoverError} (exit 2) that names every variable that is missing or wrong.
 */
export function readSettings<Name extends keyof Known>(
  env: Environment,
  names: readonly Name[],
): ValuesOf<Pick<Known, Name>> {
  const reading = readAll<Pick<Known, Name>>(choose(settings, names), env);
  if ("values" in reading) return reading.values;
  throw new RecoverError(exit.configuration, "The configuration cannot be used.", {
    advice: "Set these in the environment, or in a file that --env-file names.",
    faults: faultLines(reading.faults),
  });
}

/** A variable that may be left out. */
export function readOptional<Name extends keyof Known>(
  env: Environment,
  name: Name,
): ValuesOf<Pick<Known, Name>>[Name] | null {
  return env[name]?.trim() ? readSettings(env, [name])[name] : null;
}

/** A path as the user meant it: pnpm starts this tool in its own folder and says where it was called. */
export function resolvePath(env: Environment, file: string): string {
  return resolve(env["INIT_CWD"] ?? "", file);
}
