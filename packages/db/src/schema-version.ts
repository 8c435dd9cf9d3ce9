/** The version of the schema that this program was built with. */

import journal from "../migrations/meta/_journal.json" with { type: "json" };

export interface Migration {
  /** Its file's name. */
  readonly tag: string;
  /** What drizzle orders migrations by, and keeps of those applied in `maskline.schema_version`. */
  readonly when: number;
}

export const migrations: readonly Migration[] = journal.entries;

export const schemaVersion: number = Math.max(...migrations.map((migration) => migration.when));
