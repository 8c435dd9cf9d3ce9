/** What Prometheus hears of the last maintenance. */

import { gauge, type Metric, type Sample } from "@org/run-metrics";
import type { MaintenanceReport } from "../maintain.ts";

export const maintainMetrics: Readonly<Record<keyof MaintenanceReport, Metric>> = {
  partitionsMade: gauge("maskline_maintain_partitions_made", "Partitions that the last run made"),
  ledgerEntriesPruned: gauge(
    "maskline_maintain_ledger_entries_pruned",
    "Ledger entries that the last run pruned",
  ),
  quarantineRecordsExpired: gauge(
    "maskline_maintain_quarantine_records_expired",
    "Quarantined messages that the last run removed",
  ),
  partitionsDropped: gauge(
    "maskline_maintain_partitions_dropped",
    "Partitions that the last run dropped",
  ),
  seedTablesRewritten: gauge(
    "maskline_maintain_seed_tables_rewritten",
    "Tables of seeds that the last run gave a new file",
  ),
  partitionsEnd: gauge(
    "maskline_maintain_partitions_end_timestamp_seconds",
    "Until when every table has a partition for each month",
  ),
};

export function maintainSamples(report: MaintenanceReport): Sample[] {
  const names = Object.keys(maintainMetrics) as (keyof MaintenanceReport)[];
  return names.map((name) => ({
    metric: maintainMetrics[name],
    value: name === "partitionsEnd" ? report[name].getTime() / 1000 : report[name],
  }));
}
