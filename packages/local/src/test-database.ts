/** A database of its own for one test file, cloned from a template. */
import { randomBytes } from "node:crypto";
import { Client, escapeIdentifier, escapeLiteral } from "pg";

export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  /** The superuser's URL for this database: for setting up and for looking, never for the code under test. */
  readonly adminUrl: string;
  /** Makes a login that is a member of the given role and resolves with its URL for this database. */
  createLogin(memberOf: string): Promise<string>;
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
      const password = randomBytes(16).toString("hex");
      await execute(adminUrl, [
        `CREATE ROLE ${login} LOGIN PASSWORD ${escapeLiteral(password)} IN ROLE ${escapeIdentifier(memberOf)}`,
      ]);
      logins.push(login);
      const loginUrl = new URL(url);
      loginUrl.username = login;
      loginUrl.password = password;
      return loginUrl.href;
    },
    async [Symbol.asyncDispose]() {
      await execute(adminUrl, [
        `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`,
        ...logins.map((login) => `DROP ROLE IF EXISTS ${login}`),
      ]);
    },
  };
}

async function execute(url: string, statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
