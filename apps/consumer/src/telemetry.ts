/** What is counted and logged: ids, codes and numbers from closed lists, never a value. */
import type { Counter, Meter } from "@opentelemetry/api";
import type { Logger } from "pino";

import type { Breaker } from "./breaker.ts";
import type { Buffer } from "./buffer.ts";
import type { CarryEvents } from "./carry.ts";
import type { Failure } from "./failure.ts";
import type { LeaseEvents } from "./leases.ts";
import type { AckEvents } from "./stages/ack.ts";
import type { ReceiveEvents } from "./stages/receive.ts";
import type { WriteEvents } from "./stages/write.ts";

export interface Totals {
  readonly written: number;
  readonly quarantined: number;
  readonly duplicates: number;
  readonly returned: number;
}

export interface Telemetry {
  readonly receive: ReceiveEvents;
  readonly leases: LeaseEvents;
  readonly carry: CarryEvents;
  readonly write: WriteEvents;
  readonly ack: AckEvents;
  breakerChanged(open: boolean, isStopping: boolean): void;
  /** Gauges read from the conveyor when metrics are collected. */
  watch(conveyor: { buffer: Buffer; breaker: Breaker }): void;
  /** What this process has done so far. */
  totals(): Totals;
  /** Empty receives in a row: the queue seems drained. */
  emptyPolls(): number;
  /** Milliseconds since a receive last ended, well or badly. */
  sincePollMs(): number;
}

export function createTelemetry(meter: Meter, log: Logger): Telemetry {
  const counter = (name: string, description: string): Counter =>
    meter.createCounter(`maskline.${name}`, { description });

  const received = counter("messages.received", "Messages received from the queue");
  const damaged = counter(
    "messages.damaged",
    "Messages that arrived damaged or incomplete; left to be delivered again",
  );
  const written = counter("messages.written", "Messages whose row was committed");
  const duplicates = counter("messages.duplicate", "Messages that the ledger had already");
  const quarantined = counter(
    "messages.quarantined",
    "Messages whose sealed body was committed to quarantine",
  );
  const rejected = counter("messages.rejected", "Messages that are not a login, by reason");
  const refused = counter("messages.refused", "Rows that Postgres refused one by one");
  const deleted = counter("messages.deleted", "Messages deleted from the queue");
  const deleteFailed = counter(
    "messages.delete_failed",
    "Deletes that failed for good; the message comes again",
  );
  const returned = counter("messages.returned", "Messages given back to the queue");
  const odd = counter("messages.odd", "Accepted messages in an unusual form, by form");
  const droppedFields = counter("fields.dropped", "Unknown fields dropped");
  const renewed = counter("leases.renewed", "Lease renewals");
  const lost = counter("leases.lost", "Leases that could not be renewed any more");
  const polls = counter("polls", "ReceiveMessage calls, by whether they brought messages");
  const failures = counter("failures", "Failed calls, and renewals of single messages, by stage");
  const schemaFaults = counter(
    "schema_faults",
    "Batches held back because the schema refuses them",
  );
  const trips = counter("breaker.opened", "Times the breaker opened");
  const batchSize = meter.createHistogram("maskline.batch.size", {
    description: "Messages a transaction",
    advice: { explicitBucketBoundaries: [1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000] },
  });
  const writeSeconds = meter.createHistogram("maskline.write.duration", {
    description: "Time of a transaction",
    unit: "s",
    advice: {
      explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    },
  });
  const lag = meter.createGauge("maskline.lag", {
    description: "Age of the oldest message in the last receive that brought any",
    unit: "s",
  });

  function gauge(name: string, description: string, read: () => number): void {
    meter
      .createObservableGauge(`maskline.${name}`, { description })
      .addCallback((result) => result.observe(read()));
  }

  const totals = { written: 0, quarantined: 0, duplicates: 0, returned: 0 };
  let emptyPolls = 0;
  let polledAtMs = performance.now();

  function failed(failure: Failure): void {
    failures.add(1, { stage: failure.stage });
    log.warn(failure, `${failure.stage} failed; trying again`);
  }

  return {
    receive: {
      received(envelopes) {
        received.add(envelopes.length);
        if (envelopes.length === 0) return;
        const oldest = Math.min(...envelopes.map(({ sentAtMs }) => sentAtMs));
        lag.record(Math.max(0, (Date.now() - oldest) / 1000));
      },
      damaged(count) {
        damaged.add(count);
        log.warn(
          { count },
          "messages without a body that matches its MD5, an id, a handle or a date; left to be delivered again",
        );
      },
      left(count) {
        returned.add(count);
        log.warn({ count }, "no room for bodies of this size; left to be delivered again");
      },
      polled(count) {
        polls.add(1, { empty: count === 0 });
        polledAtMs = performance.now();
        emptyPolls = count === 0 ? emptyPolls + 1 : 0;
      },
      failed(failure) {
        polledAtMs = performance.now();
        failed(failure);
      },
    },
    leases: {
      renewed: (count) => renewed.add(count),
      failed(codes) {
        failures.add(codes.length, { stage: "renew" });
        log.warn(
          { count: codes.length, codes: [...new Set(codes)] },
          "renewals failed; they are tried again while the leases last",
        );
      },
      lost(count) {
        lost.add(count);
        log.warn({ count }, "leases lost; these messages may be delivered again");
      },
    },
    carry: {
      accepted(oddities, dropped) {
        for (const form of oddities) odd.add(1, { form });
        if (dropped > 0) droppedFields.add(dropped);
      },
      rejected(messageId, reason) {
        rejected.add(1, { reason });
        log.warn({ messageId, reason }, "message rejected");
      },
    },
    write: {
      wrote(result, durationMs) {
        totals.written += result.written;
        totals.quarantined += result.quarantined;
        totals.duplicates += result.duplicates;
        written.add(result.written);
        duplicates.add(result.duplicates);
        quarantined.add(result.quarantined);
        batchSize.record(result.written + result.duplicates + result.quarantined);
        writeSeconds.record(durationMs / 1000);
        log.debug({ ...result, durationMs: Math.round(durationMs) }, "batch committed");
      },
      failed,
      refused(messageId, sqlState) {
        refused.add(1);
        log.error({ messageId, sqlState }, "Postgres refuses this row");
      },
      schemaFault(sqlState, rows) {
        schemaFaults.add(1);
        log.error(
          { sqlState, rows },
          "the schema refuses these rows; nothing is quarantined, receiving stops until it is mended",
        );
      },
    },
    ack: {
      deleted: (count) => deleted.add(count),
      deleteFailed(codes) {
        deleteFailed.add(codes.length);
        log.warn(
          { count: codes.length, codes: [...new Set(codes)] },
          "deletes failed; the ledger absorbs the redelivery",
        );
      },
      returned(count) {
        totals.returned += count;
        returned.add(count);
      },
    },
    breakerChanged(open, isStopping) {
      if (open) trips.add(1);
      // A write that is given up while stopping closes the breaker too, with the database still away.
      const closed = isStopping ? "stopping, no more is received" : "receiving resumes";
      log.warn({ open }, open ? "breaker open: receiving stops" : `breaker closed: ${closed}`);
    },
    watch({ buffer, breaker }) {
      gauge("messages.in_flight", "Messages in hand, from receive to delete", () => buffer.inHand);
      gauge("messages.waiting", "Messages in hand that wait for a batch", () => buffer.waiting);
      gauge("breaker.open", "1 while the breaker is open", () => Number(breaker.open));
    },
    totals: () => ({ ...totals }),
    emptyPolls: () => emptyPolls,
    sincePollMs: () => performance.now() - polledAtMs,
  };
}
