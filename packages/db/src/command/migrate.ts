/** `pnpm migrate`: brings the database that the environment names to the current schema. */

import { migrate } from "../migrate.ts";
import { runCommand } from "./run-command.ts";

await runCommand({
  usage: `Usage: pnpm migrate
Brings the database to the current schema. Safe to run twice, and at once from two places.
Reads MIGRATE_DATABASE_URL, else DATABASE_URL, else PGHOST, PGDATABASE, PGUSER and their kin,
from the environment or, in a checkout, from .env.`,
  flags: {},
  run: async (url) => {
    const { applied } = await migrate(url);
    return applied.length === 0
      ? ["The schema is current."]
      : applied.map((tag) => `Applied ${tag}.`);
  },
});
