/** What Prometheus hears of the audit: every label is of a closed list, whatever the database says. */

import type { AuditCount, Capability } from "@org/db";
import { counter, gauge, type Metric, type Sample } from "@org/run-metrics";
import { auditActions, faultKinds, refusalCodes, type Verified } from "@org/recovery";

const capabilities: Readonly<Record<Capability, true>> = {
  unmask: true,
  lookup: true,
  dossier: true,
  erase: true,
  rewrap: true,
  retoken: true,
  retry: true,
};

/** Of `audit checkpoint`: what the chain holds, by the database's word. */
export const countMetrics = {
  rows: counter("maskline_audit_rows_total", "Rows of the audit, by action"),
  accesses: counter("maskline_audit_accesses_total", "Accesses that were begun, by capability"),
  refused: counter("maskline_audit_refused_total", "Refusals, by code"),
};

/** Of `audit verify`. */
export const verifyMetrics = {
  fault: gauge("maskline_audit_fault", "1 for the kind of fault that was found, if any was"),
  rows: gauge("maskline_audit_verified_rows", "Rows of the chain that was verified"),
  checkpoints: gauge("maskline_audit_checkpoints", "Checkpoints that count"),
  ignored: gauge("maskline_audit_ignored_checkpoints", "Checkpoints that count for nothing"),
  open: gauge("maskline_audit_open_claims", "Accesses that have no result yet"),
  newest: gauge("maskline_audit_newest_checkpoint_timestamp_seconds", "When the newest was signed"),
};

export function countSamples(counts: readonly AuditCount[]): Sample[] {
  const of = (wanted: string) => counts.filter(({ action }) => action === wanted);
  const byAction = counts.map(({ action, entries }) => ({ kind: action, entries }));
  return [
    ...sumsOf(countMetrics.rows, "action", auditActions, byAction),
    ...sumsOf(countMetrics.accesses, "capability", Object.keys(capabilities), of("intent")),
    ...sumsOf(countMetrics.refused, "code", refusalCodes, of("refused")),
  ];
}

/** A series for each that is known, also where it is 0; what else there is counts as unknown. */
function sumsOf(
  metric: Metric,
  label: string,
  known: readonly string[],
  counts: readonly Omit<AuditCount, "action">[],
): Sample[] {
  const sums = new Map([...known, "unknown"].map((name) => [name, 0]));
  for (const { kind, entries } of counts) {
    const name = kind !== null && sums.has(kind) ? kind : "unknown";
    sums.set(name, (sums.get(name) ?? 0) + entries);
  }
  return [...sums].map(([name, value]) => ({ metric, labels: { [label]: name }, value }));
}

export function verifySamples(verified: Verified): Sample[] {
  const { fault, rows, checkpoints, ignored, open, newestSeconds } = verified;
  return [
    ...faultKinds.map((kind) => ({
      metric: verifyMetrics.fault,
      labels: { kind },
      value: Number(fault?.kind === kind),
    })),
    { metric: verifyMetrics.rows, value: rows },
    { metric: verifyMetrics.checkpoints, value: checkpoints },
    { metric: verifyMetrics.ignored, value: ignored.length },
    { metric: verifyMetrics.open, value: open },
    { metric: verifyMetrics.newest, value: newestSeconds },
  ];
}
