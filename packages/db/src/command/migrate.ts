/** `pnpm migrate`: brings the database that the environment names to the current schema and contract. */

import { loadContract } from "@org/schema";
import { migrate, planMigration } from "../migrate.ts";
import { runCommand } from "./run-command.ts";

await runCommand({
  usage: `Usage: pnpm migrate [--plan] [--accept-restore]
Brings the database to the current schema, and the contract's table to the contract. Safe to run
twice, and at once from two places. Refuses what would lose data or give it another meaning.
  --plan             print the SQL and change nothing
  --accept-restore   say that what a restored server lacks was dealt with (docs/operations/restore.md)
Reads MASKLINE_CONTRACT (default login: a shipped contract's name, or the path of a module),
MASKLINE_METRICS_FILE (where to say how it ended, for Prometheus), and MIGRATE_DATABASE_URL, else
DATABASE_URL, else PGHOST, PGDATABASE, PGUSER and their kin, from the environment or, in a
checkout, from .env.`,
  flags: { plan: "switch", "accept-restore": "switch" },
  name: ({ plan }) => (plan === undefined ? "migrate" : null),
  run: async ({ url, contract: name, directory, sendsWeakPassword }, flags) => {
    const contract = await loadContract(name, directory);
    if (flags.plan !== undefined) {
      const statements = await planMigration(url, { contract, sendsWeakPassword });
      const current = ["-- The schema is current."];
      const ended = statements.map((statement) => statement.replace(/;?\n*$/, ";"));
      return { lines: ended.length === 0 ? current : ended };
    }
    const { applied, changes } = await migrate(url, {
      contract,
      sendsWeakPassword,
      acceptsRestore: flags["accept-restore"] !== undefined,
    });
    const lines = [
      ...applied.map((tag) => `Applied ${tag}.`),
      ...(changes.length === 0 ? [] : [`Brought ${contract.table} to contract ${contract.name}.`]),
    ];
    return { lines: lines.length === 0 ? ["The schema is current."] : lines };
  },
});
