/** Login roles on a local server: what an application connects as. */
import { randomBytes } from "node:crypto";
import { escapeIdentifier, escapeLiteral } from "pg";
import { execute } from "./query.ts";

export interface LoginOptions {
  readonly name: string;
  /** The role whose privileges the login has. */
  readonly memberOf: string;
}

/** Creates a login with a random password, and resolves with its URL for the database that `adminUrl` names. */
export async function createLogin(
  adminUrl: string,
  { name, memberOf }: LoginOptions,
): Promise<string> {
  const password = randomBytes(16).toString("hex");
  await execute(adminUrl, [
    `CREATE ROLE ${escapeIdentifier(name)} LOGIN PASSWORD ${escapeLiteral(password)} IN ROLE ${escapeIdentifier(memberOf)}`,
  ]);
  const url = new URL(adminUrl);
  url.username = name;
  url.password = password;
  return url.href;
}
