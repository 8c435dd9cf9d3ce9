/** What the dashboards show, a line a panel: title, unit as Grafana names it, and queries by their legend. */

export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly queries: Readonly<Record<string, string>>;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

type Queries = Panel["queries"];

const panel = (title: string, unit: string, queries: Queries): Panel => ({ title, unit, queries });

/** Each with its rate, summed over all consumers. */
const rates = (legends: Readonly<Record<string, string>>): Queries =>
  map(legends, (metric) => `sum(rate(maskline_${metric}_total[$__rate_interval]))`);

/** Each with the largest of what consumers say: for what is one, such as the queue. */
const largest = (legends: Readonly<Record<string, string>>): Queries =>
  map(legends, (metric) => `max(maskline_${metric})`);

const ages = (legends: Readonly<Record<string, string>>): Queries =>
  map(legends, (metric) => `time() - max(maskline_${metric}_timestamp_seconds)`);

const quantiles = (metric: string): Queries =>
  map(
    { median: "0.5", "95 %": "0.95", "99 %": "0.99" },
    (share) =>
      `histogram_quantile(${share}, sum by (le) (rate(maskline_${metric}_bucket[$__rate_interval])))`,
  );

/** Of the consumers alone: other programs have metrics of these names too. */
const ofConsumers = (expression: string): string =>
  `${expression} and on (instance) maskline_build_info`;

function map(legends: Queries, query: (value: string) => string): Queries {
  const queries = Object.entries(legends).map(([legend, value]) => [legend, query(value)]);
  return Object.fromEntries(queries) as Queries;
}

// prettier-ignore
export const consumer: Dashboard = {
  uid: "maskline-consumer",
  title: "Maskline: consumers",
  panels: [
    panel("Throughput", "ops", rates({ received: "messages_received", written: "messages_written", duplicates: "messages_duplicate", quarantined: "messages_quarantined", deleted: "messages_deleted" })),
    panel("Lag", "s", { "oldest in hand": "max(maskline_lag_seconds)", ...ages({ "since a receive": "last_receive", "since a commit": "last_commit" }) }),
    panel("Queue", "short", largest({ visible: "queue_messages_visible", "in flight": "queue_messages_in_flight", delayed: "queue_messages_delayed", "dead letters": "dead_letter_messages" })),
    panel("In hand", "short", { "in hand {{instance}} {{worker}}": "maskline_messages_in_flight", "waiting {{instance}} {{worker}}": "maskline_messages_waiting" }),
    panel("Batch size", "short", quantiles("batch_size")),
    panel("Time of a transaction", "s", quantiles("write_duration_seconds")),
    panel("Duplicates", "percentunit", { "of what is received": "sum(rate(maskline_messages_duplicate_total[$__rate_interval])) / sum(rate(maskline_messages_received_total[$__rate_interval]))" }),
    panel("Rejected by reason", "ops", { "{{reason}}": "sum by (reason) (rate(maskline_messages_rejected_total[$__rate_interval])) > 0" }),
    panel("Unusual", "ops", { ...rates({ "refused by Postgres": "messages_refused", "fields dropped": "fields_dropped" }), "{{form}}": "sum by (form) (rate(maskline_messages_odd_total[$__rate_interval])) > 0", "{{damage}}": "sum by (damage) (rate(maskline_messages_damaged_total[$__rate_interval])) > 0" }),
    panel("Breaker", "short", { open: "max(maskline_breaker_open)", opened: "sum(increase(maskline_breaker_opened_total[$__rate_interval]))", "quarantine floods": "sum(increase(maskline_quarantine_floods_total[$__rate_interval]))", "schema faults": "sum(increase(maskline_schema_faults_total[$__rate_interval]))" }),
    panel("Failures", "ops", { "{{stage}} {{reason}}": "sum by (stage, reason) (rate(maskline_failures_total[$__rate_interval])) > 0", "no answer {{instance}} {{worker}}": "rate(maskline_worker_unanswered_total[$__rate_interval]) > 0" }),
    panel("Leases", "ops", rates({ renewed: "leases_renewed", lost: "leases_lost" })),
    panel("Given back", "ops", rates({ returned: "messages_returned", "deletes that failed": "messages_delete_failed" })),
    panel("Polls", "ops", { "empty: {{empty}}": "sum by (empty) (rate(maskline_polls_total[$__rate_interval]))" }),
    panel("CPU", "short", { "cores {{instance}} {{worker}}": ofConsumers("rate(process_cpu_seconds_total[$__rate_interval])") }),
    panel("Memory", "bytes", { "resident {{instance}} {{worker}}": ofConsumers("process_resident_memory_bytes"), "heap {{instance}} {{worker}}": ofConsumers("nodejs_heap_used_bytes") }),
    panel("Since the maintenance ended", "s", ages({ age: "maintenance_ended" })),
    panel("Until partitions end", "s", { left: "min(maskline_partitions_end_timestamp_seconds) - time()" }),
    panel("Consumers", "short", { "{{version}} {{contract}} {{node}}": "count by (version, contract, node) (maskline_build_info)" }),
    panel("Uptime", "s", { "{{instance}} {{worker}}": ofConsumers("time() - process_start_time_seconds") }),
  ],
};

// prettier-ignore
export const audit: Dashboard = {
  uid: "maskline-audit",
  title: "Maskline: audit and commands",
  panels: [
    panel("Grants, within an hour", "short", { "{{action}}": 'sum by (action) (increase(maskline_audit_rows_total{action=~"requested|approved|denied|revoked"}[1h]))' }),
    panel("Accesses, within an hour", "short", { "{{capability}}": "sum by (capability) (increase(maskline_audit_accesses_total[1h])) > 0" }),
    panel("Refusals, within an hour", "short", { "{{code}}": "sum by (code) (increase(maskline_audit_refused_total[1h])) > 0" }),
    panel("Faults of the chain", "short", { "{{kind}}": "max by (kind) (maskline_audit_fault) > 0" }),
    panel("Age of the newest checkpoint", "s", ages({ age: "audit_newest_checkpoint" })),
    panel("The chain, as verified", "short", largest({ rows: "audit_verified_rows", checkpoints: "audit_checkpoints", "ignored checkpoints": "audit_ignored_checkpoints", "open accesses": "audit_open_claims" })),
    panel("Since a command ended well", "s", { "{{command}}": "time() - max by (command) (maskline_run_success_timestamp_seconds)" }),
    panel("Since a command ended", "s", { "{{command}}": "time() - max by (command) (maskline_run_end_timestamp_seconds)" }),
    panel("Exit codes", "short", { "{{command}}": "max by (command) (maskline_run_exit_code)" }),
    panel("How long commands took", "s", { "{{command}}": "max by (command) (maskline_run_duration_seconds)" }),
    panel("The last maintenance", "short", largest({ "partitions made": "maintain_partitions_made", "partitions dropped": "maintain_partitions_dropped", "ledger entries pruned": "maintain_ledger_entries_pruned", "quarantined expired": "maintain_quarantine_records_expired", "tables of seeds rewritten": "maintain_seed_tables_rewritten" })),
    panel("Until partitions end", "s", { left: "min(maskline_maintain_partitions_end_timestamp_seconds) - time()" }),
  ],
};
