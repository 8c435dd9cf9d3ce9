/** Environment to settings: the only reader of it, and every fault at once. */

import { contractPath } from "@org/schema";
import {
  type Environment,
  exposuresOfContract,
  exposuresOfProcess,
  exposuresOfServer,
  faultLines,
  judgeExposures,
  optional,
  postgresUrl,
  profileOf,
  profileSettings,
  readSettings,
  required,
  type ServerTrust,
  text,
  wholeNumber,
  withDefault,
} from "@org/settings";
import { trustOf } from "../session.ts";

/** `url` is undefined where `pg` itself reads the PG* variables; `source` names what was read. */
export type Config =
  | {
      readonly ok: true;
      readonly url: string | undefined;
      readonly source: string;
      readonly contract: string;
      /** Where a relative path of a contract begins: where pnpm was called. */
      readonly directory: string;
      readonly sendsWeakPassword: boolean;
      /** What production lets pass, because it is allowed. */
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly faults: readonly string[] };

const settings = {
  MIGRATE_DATABASE_URL: optional(postgresUrl(), "a login that is a member of maskline_owner"),
  DATABASE_URL: optional(postgresUrl(), "the same, where MIGRATE_DATABASE_URL is not set"),
  MASKLINE_CONTRACT: withDefault("login", text(), "a shipped contract's name, or a module's path"),
  ...profileSettings,
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
  const { values } = reading;
  const named = findUrl(environment, values);
  if ("faults" in named) return { ok: false, faults: named.faults };
  const { MASKLINE_CONTRACT: contract, MASKLINE_ALLOW: allowed } = values;
  const directory = environment["INIT_CWD"] ?? "";
  const trust = tryTrust(named.url);
  if (trust === null) {
    return {
      ok: false,
      faults: [`${named.source} names a certificate or key that cannot be read.`],
    };
  }
  const findings = judgeExposures(profileOf(values, [trust.host]), [
    ...exposuresOfServer(trust, environment, allowed),
    ...exposuresOfProcess(environment),
    ...exposuresOfContract(contractPath(contract, directory)),
  ]);
  const refused = findings.filter(({ severity }) => severity === "error");
  if (refused.length > 0) {
    return { ok: false, faults: refused.map(({ finding, advice }) => `${finding}: ${advice}`) };
  }
  const warnings = findings.map(({ finding }) => finding);
  return {
    ok: true,
    ...named,
    contract,
    directory,
    sendsWeakPassword: allowed.includes("weak_password"),
    warnings,
  };
}

type Named =
  | { readonly url: string | undefined; readonly source: string }
  | { readonly faults: readonly string[] };

type Urls = Readonly<Record<"MIGRATE_DATABASE_URL" | "DATABASE_URL", string | null>>;

function findUrl(environment: Environment, urls: Urls): Named {
  for (const source of ["MIGRATE_DATABASE_URL", "DATABASE_URL"] as const) {
    const url = urls[source];
    if (url !== null) return { url, source };
  }
  const ofServer = readSettings(server, environment);
  if (!("faults" in ofServer)) return { url: undefined, source: "the PG* variables" };
  return {
    faults: Object.keys(server).some((name) => environment[name])
      ? faultLines(ofServer.faults)
      : [
          "No database is named. Set MIGRATE_DATABASE_URL to postgres://user:password@host/database (or DATABASE_URL, or PGHOST, PGDATABASE and PGUSER).",
        ],
  };
}

/** Null where a file that the URL names cannot be read. */
function tryTrust(connectionString: string | undefined): ServerTrust | null {
  try {
    return trustOf({ connectionString });
  } catch {
    return null;
  }
}
