/** Environment -> settings, every fault reported at once. The only reader of process.env. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { exit, RecoverError } from "./exit.ts";

type Env = Readonly<Record<string, string | undefined>>;

export type Variable =
  | "RECOVER_DATABASE_URL"
  | "RECOVER_PRIVATE_KEYRING"
  | "RECOVER_KEYRING"
  | "RECOVER_SIGNING_KEY"
  | "RECOVER_CHECKPOINT"
  | "MASKLINE_KEYRING"
  | "MASKLINE_TENANT"
  | "MASKLINE_UNWRAP"
  | "MASKLINE_VAULT";

export type Settings<Name extends Variable> = Readonly<Record<Name, string>>;

const variables: Record<Variable, z.ZodType<string, string | undefined>> = {
  RECOVER_DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  RECOVER_PRIVATE_KEYRING: z.string(),
  RECOVER_KEYRING: z.string(),
  RECOVER_SIGNING_KEY: z.string(),
  RECOVER_CHECKPOINT: z.string(),
  MASKLINE_KEYRING: z.string(),
  MASKLINE_TENANT: z
    .string()
    .regex(/^[\w.-]{1,64}$/)
    .default("default"),
  MASKLINE_UNWRAP: z.string(),
  MASKLINE_VAULT: z.enum(["on", "off"]),
};

/** What each variable holds: printed beside a fault, instead of the value. */
const meaning: Record<Variable, string> = {
  RECOVER_DATABASE_URL:
    "postgresql://USER:PASSWORD@HOST:5432/DATABASE, your own login, a member of a maskline role",
  RECOVER_PRIVATE_KEYRING: "path of the private keyring; `recover keys init` writes one",
  RECOVER_KEYRING: "path of the recover keyring: the public signing keys of operators",
  RECOVER_SIGNING_KEY: "path of your Ed25519 signing key; `recover keys signer` writes one",
  RECOVER_CHECKPOINT: "where checkpoints go: a directory, or s3://BUCKET/PREFIX",
  MASKLINE_KEYRING: "path of the consumer's keyring; `recover keys init` writes one",
  MASKLINE_TENANT: "up to 64 letters, digits, '.', '_' or '-'",
  MASKLINE_UNWRAP: "SNS topic ARNs and EventBridge sources, separated by commas",
  MASKLINE_VAULT: "on or off",
};

/** The process's environment, with what `.env` adds to it where the tool was called. */
export function processEnv(): Env {
  const file = resolvePath(process.env, ".env");
  if (existsSync(file)) process.loadEnvFile(file);
  return process.env;
}

/**
 * Reads the named variables.
 *
 * @throws {@link RecoverError} (exit 2) that names every variable that is missing or wrong.
 */
export function readSettings<Name extends Variable>(
  env: Env,
  names: readonly Name[],
): Settings<Name> {
  const settings: Partial<Record<Name, string>> = {};
  const faults: string[] = [];
  for (const name of names) {
    // An empty variable is an unset one, as most shells and compose files mean it.
    const given = env[name] === "" ? undefined : env[name];
    const parsed = variables[name].safeParse(given);
    if (parsed.success) settings[name] = parsed.data;
    else faults.push(`${name} ${given ? "is not usable" : "is not set"}: ${meaning[name]}.`);
  }
  if (faults.length > 0) {
    throw new RecoverError(exit.configuration, "The configuration cannot be used.", {
      advice: "Set these in the environment or in .env.",
      faults,
    });
  }
  return settings as Record<Name, string>;
}

/** A variable that may be left out. */
export function readOptional(env: Env, name: Variable): string | null {
  return env[name] ? readSettings(env, [name])[name] : null;
}

/** A path as the user meant it: pnpm starts this tool in its own folder and says where it was called. */
export function resolvePath(env: Env, path: string): string {
  return resolve(env["INIT_CWD"] ?? "", path);
}
