/** What each event comes to: numbers in metrics, a line in the log; ids, codes and numbers from closed lists, never a value. */
import type { Meter } from "@opentelemetry/api";
import type { Logger } from "pino";

import type { Breaker } from "./breaker.ts";
import type { Buffer } from "./buffer.ts";
import type { CarryEvents } from "./carry.ts";
import type { Depth } from "./depth.ts";
import type { Failure } from "./failure.ts";
import type { LeaseEvents, Leases } from "./leases.ts";
import { lines, needSomebody } from "./lines.ts";
import type { Line } from "./lines.ts";
import type { Maintenance, MaintenanceEvents } from "./maintenance.ts";
import { openGauges, openMetrics } from "./metrics.ts";
import type { Build, LabelValues, Metrics } from "./metrics.ts";
import { createProgress, longMs } from "./progress.ts";
import type { Progress, Totals } from "./progress.ts";
import { createRepeats } from "./repeats.ts";
import type { Repeats } from "./repeats.ts";
import type { AckEvents } from "./stages/ack.ts";
import type { CommitEvents } from "./stages/commit.ts";
import type { ReceiveEvents } from "./stages/receive.ts";
import type { WriteEvents } from "./stages/write.ts";

/** What is read while messages move. */
export interface Conveyor {
  readonly buffer: Pick<Buffer, "inHand" | "waiting">;
  readonly breaker: Pick<Breaker, "open" | "openForMs">;
  readonly leases: Pick<Leases, "inHand">;
  readonly depth: Pick<Depth, "last">;
  readonly maintenance: Pick<Maintenance, "last">;
}

export interface Telemetry {
  readonly receive: ReceiveEvents;
  readonly leases: LeaseEvents;
  readonly carry: CarryEvents;
  readonly write: WriteEvents & CommitEvents;
  readonly ack: AckEvents;
  readonly breakerChanged: (open: boolean, isStopping: boolean) => void;
  readonly flooded: () => void;
  /** The queue's depth could not be read. */
  readonly depthFailed: (failure: Failure) => void;
  readonly maintained: MaintenanceEvents["maintained"];
  readonly maintainFailed: (failure: Failure) => void;
  /** Opens the gauges; says once a minute what was done, and what has gone badly for long, until disposed of. */
  readonly watch: (conveyor: Conveyor) => Disposable;
  /** Says what an invocation came to, and what was counted of lines that repeat. */
  readonly invoked: (failed: number) => void;
  readonly progress: Pick<
    Progress,
    "totals" | "emptyPolls" | "findsNothing" | "sincePollMs" | "receives" | "isHalted"
  >;
}

/** What the events share. */
interface Desk extends Metrics {
  readonly log: Logger;
  readonly say: Repeats["say"];
  readonly flush: Repeats["flush"];
  readonly progress: Progress;
  /** Counts failed calls by stage and reason; a reason that no list has is unknown. */
  readonly countFailures: (stage: string, reason: string, count: number) => void;
  /** Why writes do not succeed. */
  writeReason: string;
}

export function createTelemetry(
  meter: Meter,
  log: Logger,
  { labels, build }: { labels: LabelValues; build: Build },
): Telemetry {
  const metrics = openMetrics(meter, labels, build);
  const known = new Set(
    Object.entries(labels.failures).flatMap(([stage, reasons]) =>
      reasons.map((reason) => `${stage} ${reason}`),
    ),
  );
  const progress = createProgress();
  const desk: Desk = {
    ...metrics,
    ...createRepeats(log),
    log,
    progress,
    writeReason: "unknown",
    countFailures(stage, reason, count) {
      const labelled = known.has(`${stage} ${reason}`) ? reason : "unknown";
      metrics.count.failures.add(count, { stage, reason: labelled });
    },
  };
  return {
    receive: receiveEvents(desk),
    leases: leaseEvents(desk),
    carry: carryEvents(desk),
    write: writeEvents(desk),
    ack: ackEvents(desk),
    breakerChanged(open, isStopping) {
      if (open) metrics.count.trips.add(1);
      const closed = isStopping ? lines.breakerClosedStopping : lines.breakerClosed;
      write(log, open ? lines.breakerOpen : closed, { open });
    },
    flooded() {
      desk.writeReason = "quarantine_flood";
      metrics.count.floods.add(1);
      write(log, lines.flooded);
    },
    depthFailed: (failure) => callFailed(desk, failure),
    maintained: (did) => write(log, lines.maintained, did),
    maintainFailed: (failure) => callFailed(desk, failure),
    watch: (conveyor) => watch(desk, meter, conveyor),
    invoked: createInvoked(desk),
    progress,
  };
}

/** What is tried again, without a message being held up by it. */
function callFailed({ countFailures, say }: Desk, failure: Failure): void {
  countFailures(failure.stage, failure.reason, 1);
  say(failureLine(failure), { ...failure });
}

function receiveEvents({ count, say, log, progress, countFailures }: Desk): ReceiveEvents {
  return {
    received(envelopes) {
      progress.add({ received: envelopes.length });
      count.received.add(envelopes.length);
    },
    damaged(damages) {
      for (const [damage, amount] of numbersOf(damages)) {
        count.damaged.add(amount, { damage });
        say(lines.damaged, { damage }, { count: amount });
      }
    },
    halted(damages) {
      progress.halted(damages[0] ?? "unknown");
      write(log, lines.halted, { damages: [...new Set(damages)] });
    },
    left(amount) {
      progress.add({ returned: amount });
      count.returned.add(amount);
      say(lines.noRoom, {}, { count: amount });
    },
    polled(amount) {
      progress.polled(amount);
      count.polls.add(1, { empty: String(amount === 0) });
    },
    failed(failure) {
      progress.pollFailed(failure.reason);
      countFailures("receive", failure.reason, 1);
      say(failureLine(failure), { ...failure });
    },
  };
}

function leaseEvents({ count, say, countFailures }: Desk): LeaseEvents {
  return {
    renewed: (amount) => count.renewed.add(amount),
    failed(codes) {
      for (const [reason, amount] of numbersOf(codes)) {
        countFailures("renew", reason, amount);
        say(lines.renewFailed, { stage: "renew", reason }, { count: amount });
      }
    },
    lost(amount) {
      count.lost.add(amount);
      say(lines.leasesLost, {}, { count: amount });
    },
  };
}

function carryEvents({ count, say }: Desk): CarryEvents {
  return {
    accepted(oddities, dropped) {
      for (const form of oddities) count.odd.add(1, { form });
      if (dropped > 0) count.droppedFields.add(dropped);
    },
    rejected(messageId, reason) {
      count.rejected.add(1, { reason });
      say(lines.rejected, { reason }, { example: { messageId } });
    },
  };
}

function writeEvents(desk: Desk): WriteEvents & CommitEvents {
  const { count, record, say, log, progress, countFailures } = desk;
  return {
    wrote({ written, quarantined, duplicates }, durationMs) {
      progress.add({ written, quarantined, duplicates });
      progress.committed();
      count.written.add(written);
      count.quarantined.add(quarantined);
      count.duplicates.add(duplicates);
      record.batchSize.record(written + quarantined + duplicates);
      record.writeSeconds.record(durationMs / 1000);
      const committed = { written, quarantined, duplicates, durationMs: Math.round(durationMs) };
      log.debug(committed, "batch committed");
    },
    failed(failure) {
      desk.writeReason = failure.reason;
      countFailures("write", failure.reason, 1);
      say(failureLine(failure), { ...failure });
    },
    refused(messageId, sqlState) {
      count.refused.add(1);
      say(lines.refused, { sqlState }, { example: { messageId } });
    },
    schemaFault(sqlState, rows) {
      desk.writeReason = "schema_differs";
      count.schemaFaults.add(1);
      say(lines.schemaFault, { sqlState }, { count: rows });
    },
  };
}

function ackEvents({ count, say, progress }: Desk): AckEvents {
  return {
    deleted(amount) {
      progress.add({ deleted: amount });
      count.deleted.add(amount);
    },
    deleteFailed(codes) {
      count.deleteFailed.add(codes.length);
      for (const [reason, amount] of numbersOf(codes)) {
        say(urgent(lines.deleteFailed, reason), { reason }, { count: amount });
      }
    },
    returned(amount) {
      progress.add({ returned: amount });
      count.returned.add(amount);
    },
  };
}

function createInvoked({ log, progress, flush }: Desk): (failed: number) => void {
  let before = progress.totals();
  return (failed) => {
    const totals = progress.totals();
    const { received, written, quarantined, duplicates } = difference(totals, before);
    write(log, lines.invoked, { received, written, quarantined, duplicates, failed });
    before = totals;
    flush();
  };
}

function watch(desk: Desk, meter: Meter, conveyor: Conveyor): Disposable {
  const { log, progress } = desk;
  const { buffer, breaker, leases, depth, maintenance } = conveyor;
  const lagSeconds = (): number => lagOf(leases.inHand());
  openGauges(meter, {
    inHand: () => buffer.inHand,
    waiting: () => buffer.waiting,
    lagSeconds,
    lastReceiveMs: progress.lastReceiveMs,
    lastCommitMs: progress.lastCommitMs,
    breakerIsOpen: () => breaker.open,
    depth: depth.last,
    maintenance: maintenance.last,
  });
  let before = progress.totals();

  function sayMinute(): void {
    const totals = progress.totals();
    const conveyed = { inHand: buffer.inHand, lagSeconds: Math.round(lagSeconds()) };
    write(log, lines.minute, { ...difference(totals, before), ...conveyed });
    before = totals;
    desk.flush();
    const nowMs = performance.now();
    const failing = progress.failing();
    sayLong(lines.writesFailLong, breaker.openForMs(), desk.writeReason);
    if (failing) sayLong(lines.receivesFailLong, nowMs - failing.sinceMs, failing.reason);
  }

  function sayLong(line: Line, forMs: number, reason: string): void {
    if (forMs > longMs) write(log, line, { forSeconds: Math.round(forMs / 1000), reason });
  }

  const timer = setInterval(sayMinute, 60_000);
  timer.unref();
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      desk.flush();
    },
  };
}

function write(log: Logger, { level, message }: Line, fields: object = {}): void {
  log[level](fields, message);
}

function failureLine({ stage, reason }: Failure): Line {
  return urgent({ level: "warn", message: `${stage} failed; trying again` }, reason);
}

function urgent(line: Line, reason: string): Line {
  return needSomebody.has(reason) ? { ...line, level: "error" } : line;
}

function numbersOf<Name extends string>(names: readonly Name[]): [Name, number][] {
  return [...Map.groupBy(names, (name) => name)].map(([name, { length }]) => [name, length]);
}

function difference(totals: Totals, before: Totals): Totals {
  const names = Object.keys(totals) as (keyof Totals)[];
  return Object.fromEntries(names.map((name) => [name, totals[name] - before[name]])) as Totals;
}

/** Age of the oldest message in hand; 0 where none is. */
function lagOf(inHand: ReturnType<Leases["inHand"]>): number {
  let oldestMs = Infinity;
  for (const { envelope } of inHand) oldestMs = Math.min(oldestMs, envelope.sentAtMs);
  return Math.max(0, (Date.now() - oldestMs) / 1000);
}
