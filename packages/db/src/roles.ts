/** The group roles, and the rights that a migration needs before it can begin. */

import { type ClientBase, DatabaseError as PgError } from "pg";

/** Roles that nobody logs in as; logins are made members of them. */
export const roles = [
  "maskline_owner",
  "maskline_writer",
  "maskline_analyst",
  "maskline_requester",
  "maskline_approver",
  "maskline_custodian",
  "maskline_auditor",
  "maskline_console",
] as const;

export type Role = (typeof roles)[number];

/** Rights that the migrating login lacks and cannot give itself; the message holds the SQL to run. */
export class MissingRightsError extends Error {
  override readonly name = "MissingRightsError";
  readonly statements: readonly string[];

  constructor(statements: readonly string[]) {
    const sql = statements.map((statement) => `  ${statement};`).join("\n");
    super(`The migrating login lacks rights. An administrator runs, in this database:\n${sql}`);
    this.statements = statements;
  }
}

/** The login has another role's work: as owner too, it would read what that role keeps from it. */
export class WrongLoginError extends Error {
  override readonly name = "WrongLoginError";

  constructor(role: string) {
    super(
      `The migrating login is in ${role}, so it must not own the vault too. Set MIGRATE_DATABASE_URL to another login.`,
    );
  }
}

/** From PostgreSQL 16 on, membership (MEMBER) does not imply that one may SET ROLE. */
const settable = `CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END`;

/** Each statement that is still needed, in the order in which they can run. */
const neededStatements = `
WITH owner AS (SELECT to_regrole('maskline_owner')::oid AS id)
SELECT statement FROM (
  SELECT 1 AS place, format('CREATE ROLE %I NOLOGIN', name) AS statement, to_regrole(name) IS NOT NULL AS stands
  FROM unnest($1::text[]) AS name
  UNION ALL
  SELECT 2, format('GRANT maskline_owner TO %I', current_user), pg_has_role(current_user, id, ${settable})
  FROM owner
  UNION ALL
  SELECT 3, format('GRANT CREATE ON DATABASE %I TO maskline_owner', current_database()),
    has_database_privilege(id, current_database(), 'CREATE')
  FROM owner
  UNION ALL
  SELECT 4, 'GRANT USAGE, CREATE ON SCHEMA public TO maskline_owner',
    has_schema_privilege(id, 'public', 'USAGE') AND has_schema_privilege(id, 'public', 'CREATE')
  FROM owner
  UNION ALL
  SELECT 5, format('GRANT USAGE ON SCHEMA public TO %I', name),
    has_schema_privilege(to_regrole(name)::oid, 'public', 'USAGE')
  FROM unnest('{maskline_writer,maskline_analyst}'::text[]) AS name
) AS need
WHERE stands IS NOT TRUE
ORDER BY place`;

/**
 * The role whose work the login has, where it is not the owner's as well.
 *
 * Who made a role is its member too, but without a right of it; a superuser counts as in every role.
 */
const otherRole = `
SELECT rolname AS role FROM pg_roles
WHERE rolname = ANY ($1::text[]) AND rolname <> 'maskline_owner'
  AND (pg_has_role(oid, 'USAGE') OR pg_has_role(oid, ${settable}))
  AND NOT coalesce(pg_has_role(to_regrole('maskline_owner')::oid, ${settable}), false)
  AND NOT current_setting('is_superuser')::boolean
ORDER BY array_position($1::text[], rolname::text) LIMIT 1`;

/** insufficient_privilege; undefined_object, a role that could not be made. */
const refusals = new Set(["42501", "42704"]);
/** unique_violation, duplicate_object, and "tuple concurrently updated", which has no code of its own. */
const lostRaces = new Set(["23505", "42710", "XX000"]);
const roundsAtMost = 10;

/**
 * Makes the roles that the cluster lacks, and makes the login one that may `SET ROLE maskline_owner`.
 *
 * Roles belong to the cluster, out of reach of any lock in one database. So each statement commits
 * by itself, and what the migration of another database did first is found done in the next round.
 *
 * @throws {@link MissingRightsError}
 * @throws {@link WrongLoginError} before anything is made.
 */
export async function prepareRoles(client: ClientBase): Promise<void> {
  for (let round = 1, raced = true; ; round++) {
    const statements = await findNeededRoles(client);
    if (statements.length === 0) return;
    if (!raced || round > roundsAtMost) {
      throw new MissingRightsError([...statements, ...(await findUncappedLogs(client))]);
    }
    raced = false;
    for (const statement of statements) {
      if ((await attempt(client, statement)) === "raced") raced = true;
    }
  }
}

/**
 * What is still needed, in the order in which it can run.
 *
 * @throws {@link WrongLoginError}
 */
export async function findNeededRoles(client: ClientBase): Promise<readonly string[]> {
  const [other] = (await client.query<{ role: string }>(otherRole, [roles])).rows;
  if (other) throw new WrongLoginError(other.role);
  const { rows } = await client.query<{ statement: string }>(neededStatements, [roles]);
  return rows.map(({ statement }) => statement);
}

/**
 * What keeps parameters of statements, seeds and sealed records among them, out of the server's log
 * whatever else is logged. Only a superuser may say so; a migration goes on without.
 */
async function findUncappedLogs(client: ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT format('ALTER DATABASE %I SET %I = 0', current_database(), name) AS statement
     FROM pg_settings WHERE name = ANY ($1) AND setting <> '0' ORDER BY name`,
    [["log_parameter_max_length", "log_parameter_max_length_on_error"]],
  );
  return rows.map(({ statement }) => statement);
}

/** A GRANT without the right to it can also succeed, with a warning: only the next round tells. */
async function attempt(client: ClientBase, statement: string): Promise<"ran" | "raced"> {
  try {
    await client.query(statement);
    return "ran";
  } catch (error) {
    const sqlState = error instanceof PgError ? (error.code ?? "") : "";
    if (refusals.has(sqlState)) return "ran";
    if (lostRaces.has(sqlState)) return "raced";
    throw error;
  }
}
