/** A database of its own for one test file, cloned from a template. */
import { randomBytes } from "node:crypto";
import { escapeIdentifier } from "pg";
import { createLogin } from "./login.ts";
import { execute } from "./query.ts";

export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  /** The superuser's URL for this database: for setting up and for looking, never for the code under test. */
  readonly adminUrl: string;
  /** Makes a login that is a member of the given role and resolves with its URL for this database. */
  readonly createLogin: (memberOf: string) => Promise<string>;
}

/**
 * Clones `template` (else PostgreSQL's own `template1`) into a database with a random name.
 *
 * Disposal drops it with its logins, also while sessions are still open.
 *
 * @param adminUrl - A superuser's URL of the server.
 */
export async function createTestDatabase(
  adminUrl: string,
  template = "template1",
): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  const logins: string[] = [];
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;

  await execute(adminUrl, [`CREATE DATABASE ${name} TEMPLATE ${escapeIdentifier(template)}`]);

  return {
    name,
    adminUrl: url.href,
    async createLogin(memberOf) {
      const login = `${name}_${logins.length}`;
      logins.push(login);
      return createLogin(url.href, { name: login, memberOf });
    },
    async [Symbol.asyncDispose]() {
      await execute(adminUrl, [
        `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`,
        ...logins.map((login) => `DROP ROLE IF EXISTS ${login}`),
      ]);
    },
  };
}
