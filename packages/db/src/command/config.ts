/** Environment to settings: the only reader of it, and every fault at once. */

import {
  type Environment,
  faultLines,
  optional,
  postgresUrl,
  readSettings,
  required,
  text,
  wholeNumber,
  withDefault,
} from "@org/settings";

/** `url` is undefined where `pg` itself reads the PG* variables; `source` names what was read. */
export type Config =
  | {
      readonly ok: true;
      readonly url: string | undefined;
      readonly source: string;
      readonly contract: string;
      /** Where a relative path of a contract begins: where pnpm was called. */
      readonly directory: string;
    }
  | { readonly ok: false; readonly faults: readonly string[] };

const settings = {
  MIGRATE_DATABASE_URL: optional(postgresUrl(), "a login that is a member of maskline_owner"),
  DATABASE_URL: optional(postgresUrl(), "the same, where MIGRATE_DATABASE_URL is not set"),
  MASKLINE_CONTRACT: withDefault("login", text(), "a shipped contract's name, or a module's path"),
};

/** Read by `pg` itself; here they are only looked at. */
const server = {
  PGHOST: required(text(), "the server, where no URL is set"),
  PGDATABASE: required(text(), "the database, where no URL is set"),
  PGUSER: required(text(), "the login, where no URL is set"),
  PGPORT: withDefault(5432, wholeNumber({ min: 1, max: 65_535 }), "the server's port"),
};

/** MIGRATE_DATABASE_URL, else DATABASE_URL, else the PG* set. An empty variable counts as not set. */
export function readConfig(environment: Environment): Config {
  const reading = readSettings(settings, environment);
  if ("faults" in reading) return { ok: false, faults: faultLines(reading.faults) };
  const { MASKLINE_CONTRACT: contract, ...urls } = reading.values;
  const given = { contract, directory: environment["INIT_CWD"] ?? "" };
  for (const source of ["MIGRATE_DATABASE_URL", "DATABASE_URL"] as const) {
    const url = urls[source];
    if (url !== null) return { ok: true, url, source, ...given };
  }
  const ofServer = readSettings(server, environment);
  if (!("faults" in ofServer)) {
    return { ok: true, url: undefined, source: "the PG* variables", ...given };
  }
  const faults = faultLines(ofServer.faults);
  return {
    ok: false,
    faults: Object.keys(server).some((name) => environment[name])
      ? faults
      : [
          "No database is named. Set MIGRATE_DATABASE_URL to postgres://user:password@host/database (or DATABASE_URL, or PGHOST, PGDATABASE and PGUSER).",
        ],
  };
}
