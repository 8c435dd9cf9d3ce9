/** What a program that ends leaves behind for Prometheus. */

export { counter, gauge, type Metric, type Sample } from "./metric.ts";
export { isWanted, recordRun, type Run, runMetrics } from "./record-run.ts";
