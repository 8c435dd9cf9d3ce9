/** `pnpm --filter @org/db maintain`: the recurring work, for cron. */

import { maintain } from "../maintain.ts";
import { maintainSamples } from "./maintain-metrics.ts";
import { runCommand } from "./run-command.ts";

await runCommand({
  usage: `Usage: pnpm --filter @org/db maintain [--keep-months N] [--rewrite-erased]
Run it daily: it makes the coming months' partitions and removes ledger entries and quarantined
messages, with their seeds, that are older than ledger_days and quarantine_days in
maskline.maintenance say (60 and 30, until the owner sets them).
  --keep-months N    drop rows, vault and seeds of older months (left out: keep all)
  --rewrite-erased   give each past month's seeds a new file, where some were erased: VACUUM leaves
                     their bytes in the old one. Late messages of that month wait meanwhile
Reads MASKLINE_METRICS_FILE (where to say what it did, for Prometheus), and MIGRATE_DATABASE_URL,
else DATABASE_URL, else PGHOST, PGDATABASE, PGUSER and their kin, from the environment or, in a
checkout, from .env.`,
  flags: { "keep-months": 1, "rewrite-erased": "switch" },
  name: () => "maintain",
  run: async ({ url, sendsWeakPassword }, values) => {
    const report = await maintain(url, {
      sendsWeakPassword,
      keepMonths: values["keep-months"],
      rewriteErased: values["rewrite-erased"] !== undefined,
    });
    const lines = [
      `Partitions made: ${report.partitionsMade}`,
      `Ledger entries pruned: ${report.ledgerEntriesPruned}`,
      `Quarantine records expired: ${report.quarantineRecordsExpired}`,
      `Partitions dropped: ${report.partitionsDropped}`,
      `Tables of seeds given a new file: ${report.seedTablesRewritten}`,
    ];
    return { lines, samples: maintainSamples(report) };
  },
});
