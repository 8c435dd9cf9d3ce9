/** The migrations that this program was built with, and the version that they come to. */

import { readFile } from "node:fs/promises";
import journal from "../migrations/meta/_journal.json" with { type: "json" };

export interface Migration {
  /** Its file's name. */
  readonly tag: string;
  /** What migrations are ordered by, and known by in `maskline.schema_version`. */
  readonly when: number;
}

export const migrations: readonly Migration[] = journal.entries;

export const schemaVersion: number = Math.max(...migrations.map((migration) => migration.when));

export function readMigration({ tag }: Migration): Promise<string> {
  return readFile(new URL(`../migrations/${tag}.sql`, import.meta.url), "utf8");
}
