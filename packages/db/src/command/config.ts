/** Environment to connection: the only reader of it, and every fault at once. */

type Environment = Readonly<Record<string, string | undefined>>;

/** `url` is undefined where `pg` itself reads the PG* variables; `source` names what was read. */
export type Config =
  | { readonly ok: true; readonly url: string | undefined; readonly source: string }
  | { readonly ok: false; readonly faults: readonly string[] };

/** MIGRATE_DATABASE_URL, else DATABASE_URL, else the PG* set. An empty variable counts as not set. */
export function readConfig(environment: Environment): Config {
  const name = ["MIGRATE_DATABASE_URL", "DATABASE_URL"].find((key) => environment[key]);
  const faults = name === undefined ? pgFaults(environment) : urlFaults(name, environment[name]);
  if (faults.length > 0) return { ok: false, faults };
  return name === undefined
    ? { ok: true, url: undefined, source: "the PG* variables" }
    : { ok: true, url: environment[name], source: name };
}

function urlFaults(name: string, value = ""): string[] {
  const url = URL.canParse(value) ? new URL(value) : null;
  const isPostgres = url !== null && ["postgres:", "postgresql:"].includes(url.protocol);
  return isPostgres
    ? []
    : [`${name} is not a URL of the form postgres://user:password@host/database.`];
}

function pgFaults(environment: Environment): string[] {
  const required = ["PGHOST", "PGDATABASE", "PGUSER"];
  const missing = required.filter((key) => !environment[key]);
  const port = environment["PGPORT"];
  const faults = port && !/^\d{1,5}$/.test(port) ? ["PGPORT is not a port number."] : [];
  if (missing.length === 0) return faults;
  if (missing.length === required.length) {
    return [
      "No database is named. Set MIGRATE_DATABASE_URL to postgres://user:password@host/database (or DATABASE_URL, or PGHOST, PGDATABASE and PGUSER).",
      ...faults,
    ];
  }
  return [
    ...missing.map((key) => `${key} is not set, while others of the PG* set are.`),
    ...faults,
  ];
}
