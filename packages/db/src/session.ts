/** What every session of ours relies on, whatever the database's or the login's defaults are. */

import { TLSSocket } from "node:tls";
import { isLoopback, type ServerTrust, urlsOfServers } from "@org/settings";
import { Client, type ClientConfig, type PoolConfig } from "pg";
import { DatabaseError, toDatabaseError } from "./database-error.ts";

/** Where the database is; what is left out, `pg` takes from the PG* variables. Of several hosts in the URL, the one that takes writes. */
export interface Connection extends Pick<
  PoolConfig,
  "connectionString" | "host" | "port" | "database" | "user" | "password" | "ssl"
> {
  /** Gives the password to a server that asks for it in clear or as MD5, and is not verified. Default false. */
  readonly sendsWeakPassword?: boolean | undefined;
  /** Asked at each connect, instead of a password in the URL: that one may be rotated meanwhile. */
  readonly readPassword?: (() => Promise<string>) | undefined;
}

type Config = ClientConfig & Pick<Connection, "sendsWeakPassword" | "readPassword">;

/**
 * What `pg` reads as text, which objects an unqualified name means, what a transaction sees, and what
 * an error ends. Statements qualify their tables and send times in a form that no setting changes as
 * well: behind a pooler in transaction mode, what is set here holds for whichever connection it came to.
 *
 * Not `default_transaction_read_only`: whoever sets it means us too.
 */
const settings = {
  search_path: "pg_catalog, pg_temp",
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  client_encoding: "UTF8",
  bytea_output: "hex",
  standard_conforming_strings: "on",
  quote_all_identifiers: "off",
  default_transaction_isolation: "read committed",
  exit_on_error: "off",
  // What any login may set for itself, and whoever has its password: the server's log would repeat what is written.
  debug_print_parse: "off",
  debug_print_rewritten: "off",
  debug_print_plan: "off",
  log_parameter_max_length_on_error: "0",
} as const;

/** Milliseconds; 0 is for ever. PostgreSQL has the last of them from version 17 on. */
const timeouts = [
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
  "transaction_timeout",
] as const;

/** Of these parameters those that the server knows. */
const text = `SELECT pg_catalog.set_config(wanted.name, wanted.setting, false)
FROM unnest($1::text[], $2::text[]) AS wanted (name, setting)
JOIN pg_catalog.pg_settings AS known ON known.name = wanted.name`;

/**
 * A client that sets up its session before it counts as connected, and gives its password to no
 * server that asks for it in clear or as MD5, unless the server is verified: whoever takes the
 * database's port could ask. Of several hosts it connects to one that takes writes.
 */
export class SessionClient extends Client {
  readonly #settings: Readonly<Record<string, string>>;
  readonly #servers: readonly Config[];

  constructor(config: Config = {}) {
    const servers = serversOf(config);
    // Set below: at the start of a connection, PgBouncer and RDS Proxy refuse them.
    super({ ...servers[0], ...Object.fromEntries(timeouts.map((name) => [name, undefined])) });
    this.#servers = servers;
    if (config.readPassword) Object.assign(this, { password: config.readPassword });
    const limits = timeouts.map((name) => {
      const limit = Reflect.get(config, name) ?? 0;
      return [name, String(limit)];
    });
    this.#settings = { ...settings, ...Object.fromEntries(limits) };
    if (config.sendsWeakPassword !== true) guardPassword(this);
  }

  override connect(): Promise<Client>;
  override connect(callback: (error: Error | null, client?: Client) => void): void;
  override connect(
    callback?: (error: Error | null, client?: Client) => void,
  ): Promise<Client> | void {
    const connected = this.#connect();
    if (callback === undefined) return connected;
    void this.#tell(connected, callback);
  }

  async #tell(
    connected: Promise<Client>,
    callback: (error: Error | null, client?: Client) => void,
  ): Promise<void> {
    const error = await connected.then(
      () => null,
      (fault: Error) => fault,
    );
    if (error === null) callback(null, this);
    else callback(error);
  }

  async #connect(): Promise<Client> {
    if (this.#servers.length > 1) await this.#choose();
    // Whoever connects listens from then on: without this, a connection that breaks before would end the process.
    this.on("error", ignore);
    try {
      await super.connect();
      await this.query(text, [Object.keys(this.#settings), Object.values(this.#settings)]);
      this.off("error", ignore);
    } catch (error) {
      // Half logged in, it would keep a process of the server's waiting, and with it who drops a database.
      this.connection.stream.destroy();
      throw error;
    }
    return this;
  }

  /** All are asked at once, for half of the time: a dead one may be silent. Where none takes writes, the first says why. */
  async #choose(): Promise<void> {
    const connectionTimeoutMillis = (this.#servers[0]?.connectionTimeoutMillis ?? 10_000) / 2;
    const asked = this.#servers.map(
      (server) => new SessionClient({ ...server, connectionTimeoutMillis }),
    );
    try {
      const { host, port } = await Promise.any(asked.map(toWritable));
      Object.assign(this, { host, port });
      // By which `pg` finds the password in PGPASSFILE.
      Object.assign(Reflect.get(this, "connectionParameters") as object, { host, port });
    } catch {
      // Of Promise.any: nobody.
    } finally {
      for (const { connection } of asked) connection.stream.destroy();
    }
    if (this.connection.stream.destroyed) throw new Error("Connection terminated");
  }
}

function serversOf(config: Config): readonly [Config, ...Config[]] {
  if (config.connectionString === undefined) return [config];
  const [first, ...others] = urlsOfServers(config.connectionString);
  const toConfig = (connectionString: string): Config => ({ ...config, connectionString });
  return [toConfig(first), ...others.map(toConfig)];
}

/** @throws Error if it cannot be reached, or is a standby or read only. */
async function toWritable(client: SessionClient): Promise<SessionClient> {
  client.on("error", () => {});
  await client.connect();
  const { rows } = await client.query<{ value: string }>(
    "SELECT pg_catalog.current_setting('transaction_read_only') AS value",
  );
  if (rows[0]?.value !== "off") throw new Error("read only");
  return client;
}

/**
 * As `pg` reads the connection: from its URL, and what that leaves out from the PG* variables. Of
 * several hosts, the one that is beyond this machine.
 *
 * @throws {@link DatabaseError} if a certificate's file that it names cannot be read.
 */
export function trustOf(connection: Connection): ServerTrust {
  try {
    const servers = serversOf(connection);
    const { host, ssl }: { host: string; ssl: unknown } =
      servers.map((server) => new Client(server)).find((client) => !isLoopback(client.host)) ??
      new Client(servers[0]);
    return { host, isVerified: ssl === true || isVerifying(ssl) };
  } catch (error) {
    throw toDatabaseError(error);
  }
}

/** Options of TLS that leave Node's own checks as they are. */
function isVerifying(options: unknown): boolean {
  if (typeof options !== "object" || options === null) return false;
  const { rejectUnauthorized, checkServerIdentity } = options as Readonly<Record<string, unknown>>;
  return rejectUnauthorized !== false && checkServerIdentity === undefined;
}

/** SCRAM's answers, which make the server prove itself too, do not go through `password`. */
function guardPassword({ connection }: { readonly connection: Client["connection"] }): void {
  const guarded: Client["connection"] & { password?: (password: string) => void } = connection;
  const give = guarded.password?.bind(connection);
  guarded.password = (password) => {
    const { stream } = connection;
    if (stream instanceof TLSSocket && stream.authorized) give?.(password);
    else stream.destroy(weakPassword());
  };
}

function weakPassword(): DatabaseError {
  return new DatabaseError(
    "The server asks for the password in clear or as MD5, and is not verified: it was given none.",
    {
      kind: "unknown",
      reason: "weak_password",
      sqlState: null,
      constraint: null,
      systemCode: null,
    },
  );
}

function ignore(): void {}
