/** The metrics, one row each: name, unit, what it means, and every label it can have. */
import type { Counter, Histogram, Meter } from "@opentelemetry/api";

import type { Depth } from "./depth.ts";
import type { Maintenance } from "./maintenance.ts";

type Labels = Readonly<Record<string, string>>;

/** What labels can be: closed lists, never anything of a message. */
export interface LabelValues {
  /** Why a body is no message: the contract's. */
  readonly reasons: readonly string[];
  /** Forms that are taken, but worth counting: the contract's. */
  readonly oddities: readonly string[];
  readonly damages: readonly string[];
  /** Why a call failed, by stage; each list has "unknown". */
  readonly failures: Readonly<
    Record<"receive" | "renew" | "write" | "depth" | "maintain", readonly string[]>
  >;
}

export interface Build {
  readonly version: string;
  readonly contract: string;
}

interface CounterRow {
  readonly name: string;
  readonly description: string;
  /** Each combination of labels; a counter without labels has one, and it is empty. */
  readonly series: readonly Labels[];
}

interface HistogramRow {
  readonly name: string;
  readonly description: string;
  readonly unit?: "seconds";
  readonly boundaries: number[];
}

/** What a gauge reads when metrics are collected. */
export interface Sources {
  readonly inHand: () => number;
  readonly waiting: () => number;
  /** Of the oldest message in hand. */
  readonly lagSeconds: () => number;
  readonly lastReceiveMs: () => number;
  readonly lastCommitMs: () => number;
  readonly breakerIsOpen: () => boolean;
  readonly depth: Depth["last"];
  readonly maintenance: Maintenance["last"];
}

interface GaugeRow {
  readonly name: string;
  readonly description: string;
  readonly unit?: "seconds" | "bytes";
  /** NaN is not known: the SDK would go on with the last value of a gauge that observes nothing. */
  readonly read: () => number;
}

const prefix = "maskline_";

/** How the exporter writes them. */
export const exposition = {
  preventServerStart: true,
  withoutScopeInfo: true,
  withoutTargetInfo: true,
} as const;

const counter = (
  name: string,
  description: string,
  series: readonly Labels[] = [{}],
): CounterRow => ({ name, description, series });

const each = (label: string, values: readonly string[]): Labels[] =>
  values.map((value) => ({ [label]: value }));

function counterRows({ reasons, oddities, damages, failures }: LabelValues) {
  const failureSeries = Object.entries(failures).flatMap(([stage, each]) =>
    each.map((reason) => ({ stage, reason })),
  );
  // prettier-ignore
  return {
    received: counter("messages_received", "Messages received from the queue"),
    damaged: counter("messages_damaged", "Messages that arrived damaged or incomplete; left to be delivered again", each("damage", damages)),
    written: counter("messages_written", "Messages whose row was committed"),
    duplicates: counter("messages_duplicate", "Messages that the ledger had already"),
    quarantined: counter("messages_quarantined", "Messages whose sealed body was committed to quarantine"),
    rejected: counter("messages_rejected", "Bodies that are no message of the contract, by reason", each("reason", reasons)),
    refused: counter("messages_refused", "Rows that Postgres refused one by one"),
    deleted: counter("messages_deleted", "Messages deleted from the queue"),
    deleteFailed: counter("messages_delete_failed", "Deletes that failed for good; the message comes again"),
    returned: counter("messages_returned", "Messages released to the queue, or left to come again"),
    odd: counter("messages_odd", "Accepted messages in an unusual form, by form", each("form", oddities)),
    droppedFields: counter("fields_dropped", "Unknown fields dropped"),
    renewed: counter("leases_renewed", "Lease renewals"),
    lost: counter("leases_lost", "Leases that could not be renewed any more"),
    polls: counter("polls", "ReceiveMessage calls, by whether they brought messages", each("empty", ["true", "false"])),
    failures: counter("failures", "Failed calls, and renewals of single messages, by stage and reason", failureSeries),
    schemaFaults: counter("schema_faults", "Batches held back because the schema refuses them"),
    trips: counter("breaker_opened", "Times the breaker opened"),
    floods: counter("quarantine_floods", "Minutes in which receiving stopped because too much was quarantined"),
  } as const satisfies Record<string, CounterRow>;
}

const histogramRows = {
  batchSize: {
    name: "batch_size",
    description: "Messages a transaction",
    boundaries: [1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
  },
  writeSeconds: {
    name: "write_duration",
    unit: "seconds",
    description: "Time of a transaction",
    boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
} satisfies Record<string, HistogramRow>;

function gaugeRows(sources: Sources): GaugeRow[] {
  // prettier-ignore
  return [
    { name: `${prefix}messages_in_flight`, description: "Messages in hand, from receive to delete", read: sources.inHand },
    { name: `${prefix}messages_waiting`, description: "Messages in hand that wait for a batch", read: sources.waiting },
    { name: `${prefix}lag`, unit: "seconds", description: "Age of the oldest message in hand; 0 where none is", read: sources.lagSeconds },
    { name: `${prefix}last_receive_timestamp`, unit: "seconds", description: "When a receive last succeeded; at first, when the process started", read: () => sources.lastReceiveMs() / 1000 },
    { name: `${prefix}last_commit_timestamp`, unit: "seconds", description: "When a transaction was last committed; at first, when the process started", read: () => sources.lastCommitMs() / 1000 },
    { name: `${prefix}breaker_open`, description: "1 while the breaker is open", read: () => Number(sources.breakerIsOpen()) },
    { name: `${prefix}queue_messages_visible`, description: "Messages that wait in the queue, by SQS's approximate count", read: () => sources.depth()?.depth.visible ?? Number.NaN },
    { name: `${prefix}queue_messages_in_flight`, description: "Messages of the queue that some consumer holds, by the same", read: () => sources.depth()?.depth.inFlight ?? Number.NaN },
    { name: `${prefix}queue_messages_delayed`, description: "Messages of the queue that are delayed, by the same", read: () => sources.depth()?.depth.delayed ?? Number.NaN },
    { name: `${prefix}dead_letter_messages`, description: "Messages that wait in the dead-letter queue, by the same", read: () => sources.depth()?.redrive?.deadLetterMessages ?? Number.NaN },
    { name: `${prefix}maintenance_ended_timestamp`, unit: "seconds", description: "When the database's daily maintenance last ended, by whomever; 0 where it never has", read: () => secondsOf(sources.maintenance(), ({ endedAt }) => endedAt) },
    { name: `${prefix}partitions_end_timestamp`, unit: "seconds", description: "Until when every table has a partition for each month", read: () => secondsOf(sources.maintenance(), ({ partitionsEnd }) => partitionsEnd) },
  ];
}

// prettier-ignore
const processGaugeRows: readonly GaugeRow[] = [
  { name: "process_resident_memory", unit: "bytes", description: "Memory of this process", read: () => process.memoryUsage.rss() },
  { name: "process_start_time", unit: "seconds", description: "When this process started", read: () => performance.timeOrigin / 1000 },
  { name: "nodejs_heap_used", unit: "bytes", description: "Memory that JavaScript's objects take", read: () => process.memoryUsage().heapUsed },
];

function secondsOf<State>(state: State | null, pick: (state: State) => Date | null): number {
  return state === null ? Number.NaN : (pick(state)?.getTime() ?? 0) / 1000;
}

export type Counters = Readonly<Record<keyof ReturnType<typeof counterRows>, Counter>>;
export type Histograms = Readonly<Record<keyof typeof histogramRows, Histogram>>;

export interface Metrics {
  readonly count: Counters;
  readonly record: Histograms;
}

/** Opens counters and histograms. Every series begins with zero: a first event would be no increase otherwise. */
export function openMetrics(meter: Meter, values: LabelValues, build: Build): Metrics {
  const count = mapValues(counterRows(values), (row: CounterRow) => openCounter(meter, row));
  const record = mapValues(histogramRows, (row: HistogramRow) =>
    meter.createHistogram(nameOf(`${prefix}${row.name}`, row.unit), {
      description: row.description,
      ...(row.unit && { unit: row.unit }),
      advice: { explicitBucketBoundaries: row.boundaries },
    }),
  );
  meter
    .createObservableGauge(`${prefix}build_info`, { description: "Which program this is" })
    .addCallback((result) => result.observe(1, { ...build, node: process.version }));
  openProcessMetrics(meter);
  return { count, record };
}

export function openGauges(meter: Meter, sources: Sources): void {
  for (const row of gaugeRows(sources)) openGauge(meter, row);
}

/** What every process says of itself, one that supervises too. */
export function openProcessMetrics(meter: Meter): void {
  for (const row of processGaugeRows) openGauge(meter, row);
  meter
    .createObservableCounter("process_cpu_seconds", {
      description: "Processor time of this process",
      unit: "seconds",
    })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe((user + system) / 1e6);
    });
}

/** What a supervisor says of its workers: questions that one has not answered, by its number. */
export function openWorkerMetrics(meter: Meter, workers: number): Counter {
  const row = counter(
    "worker_unanswered",
    "Questions, for metrics or health, that a worker has not answered within a second",
    Array.from({ length: workers }, (_, before) => workerLabel(before + 1)),
  );
  return openCounter(meter, row);
}

/** @param worker - From 1. */
export const workerLabel = (worker: number): Labels => ({ worker: String(worker) });

function openCounter(meter: Meter, { name, description, series }: CounterRow): Counter {
  const opened = meter.createCounter(`${prefix}${name}`, { description });
  for (const labels of series) opened.add(0, labels);
  return opened;
}

function openGauge(meter: Meter, { name, unit, description, read }: GaugeRow): void {
  meter
    .createObservableGauge(nameOf(name, unit), { description, ...(unit && { unit }) })
    .addCallback((result) => result.observe(read()));
}

function nameOf(name: string, unit: string | undefined): string {
  return unit === undefined ? name : `${name}_${unit}`;
}

function mapValues<Key extends string, From, To>(
  from: Readonly<Record<Key, From>>,
  convert: (value: From) => To,
): Record<Key, To> {
  const entries = Object.entries<From>(from).map(([key, value]) => [key, convert(value)]);
  return Object.fromEntries(entries) as Record<Key, To>;
}
