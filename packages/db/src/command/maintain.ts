/** `pnpm --filter @org/db maintain`: the recurring work, for cron. */

import { maintain } from "../maintain.ts";
import { maintainSamples } from "./maintain-metrics.ts";
import { runCommand } from "./run-command.ts";

await runCommand({
  usage: `Usage: pnpm --filter @org/db maintain [--ledger-days N] [--quarantine-days N] [--keep-months N] [--rewrite-erased]
Run it daily: it makes the coming months' partitions and removes what has served its time.
  --ledger-days N      prune ledger entries older than this (default 60, at least 29)
  --quarantine-days N  expire quarantined messages, with their seeds (default 30)
  --keep-months N      drop rows, vault and seeds of older months (left out: keep all)
  --rewrite-erased     give each past month's seeds a new file, where some were erased: VACUUM leaves
                       their bytes in the old one. Late messages of that month wait meanwhile
Reads MASKLINE_METRICS_FILE (where to say what it did, for Prometheus), and MIGRATE_DATABASE_URL,
else DATABASE_URL, else PGHOST, PGDATABASE, PGUSER and their kin, from the environment or, in a
checkout, from .env.`,
  flags: { "ledger-days": 29, "quarantine-days": 1, "keep-months": 1, "rewrite-erased": "switch" },
  name: () => "maintain",
  run: async ({ url, sendsWeakPassword }, values) => {
    const report = await maintain(url, {
      sendsWeakPassword,
      ledgerDays: values["ledger-days"],
      quarantineDays: values["quarantine-days"],
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
