import { readFile } from "node:fs/promises";

import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { login } from "@org/schema";
import { createPipeline } from "@org/scrape";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { Depth } from "../src/depth.ts";
import type { Failure } from "../src/failure.ts";
import type { Maintenance } from "../src/maintenance.ts";
import type { Held } from "../src/model.ts";
import { openReceiver } from "../../console/test/receiver.ts";
import { createTelemetry } from "../src/telemetry.ts";
import type { Telemetry } from "../src/telemetry.ts";
import { createHeld } from "./held.ts";

interface Scene {
  readonly telemetry: Telemetry;
  readonly lines: Record<string, unknown>[];
  readonly inHand: Held[];
  readonly breaker: { open: boolean; forMs: number };
  readonly depth: { last: ReturnType<Depth["last"]> };
  readonly maintenance: { last: ReturnType<Maintenance["last"]> };
  readonly metrics: () => Promise<string>;
  readonly watched: Disposable;
}

const depthOf = (visible: number): ReturnType<Depth["last"]> => ({
  depth: { visible, inFlight: 2, delayed: 1 },
  redrive: {
    deadLetterTargetArn: "arn:aws:sqs:eu-central-1:123456789012:dead",
    maxReceiveCount: 10,
    deadLetterRetentionSeconds: null,
    deadLetterMessages: 4,
  },
});

function open(): Scene {
  const lines: Record<string, unknown>[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const exporter = new PrometheusExporter({ preventServerStart: true, withoutScopeInfo: true });
  const meter = new MeterProvider({ readers: [exporter] }).getMeter("maskline");
  const telemetry = createTelemetry(meter, log, {
    labels: {
      reasons: ["not_json", "size_invalid"],
      oddities: ["bom"],
      damages: ["md5_wrong", "date_missing"],
      failures: {
        receive: ["AccessDenied", "network", "unknown"],
        renew: ["timeout", "ServiceUnavailable", "unknown"],
        write: ["tls_untrusted", "connection_lost", "unknown"],
        depth: ["AccessDenied", "unknown"],
        maintain: ["right_missing", "unknown"],
      },
    },
    build: { version: "1.2.3", contract: "sizes" },
  });
  const inHand: Held[] = [];
  const breaker = { open: false, forMs: 0 };
  const depth: Scene["depth"] = { last: depthOf(7) };
  const maintenance: Scene["maintenance"] = { last: null };
  const watched = telemetry.watch({
    buffer: { inHand: 0, waiting: 0 },
    leases: { inHand: () => inHand },
    depth: { last: () => depth.last },
    maintenance: { last: () => maintenance.last },
    breaker: {
      get open() {
        return breaker.open;
      },
      openForMs: () => breaker.forMs,
    },
  });
  return {
    telemetry,
    lines,
    inHand,
    breaker,
    depth,
    maintenance,
    watched,
    async metrics() {
      const { resourceMetrics } = await exporter.collect();
      const withoutTarget = [undefined, false, undefined, true, true] as const;
      return new PrometheusSerializer(...withoutTarget).serialize(resourceMetrics);
    },
  };
}

const failure = (stage: Failure["stage"], reason: string): Failure => ({
  stage,
  reason,
  sqlState: null,
  constraint: null,
  systemCode: null,
});

beforeEach(
  () => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance", "Date"] }),
);
afterEach(() => void vi.useRealTimers());

function sorted(names: Iterable<string | undefined>): string[] {
  return [...names]
    .flatMap((name) => name ?? [])
    .toSorted((one, other) => one.localeCompare(other));
}

describe("metrics", () => {
  test("every counter begins with zero, for each label that it can have", async () => {
    const text = await open().metrics();
    for (const series of [
      "maskline_messages_received_total",
      'maskline_messages_rejected_total{reason="size_invalid"}',
      'maskline_messages_odd_total{form="bom"}',
      'maskline_messages_damaged_total{damage="date_missing"}',
      'maskline_polls_total{empty="true"}',
      'maskline_failures_total{stage="write",reason="tls_untrusted"}',
      'maskline_failures_total{stage="renew",reason="timeout"}',
      "maskline_breaker_opened_total",
      "maskline_schema_faults_total",
      "maskline_quarantine_floods_total",
    ]) {
      expect(text.split("\n")).toContain(`${series} 0`);
    }
  });

  test("an event is added to a series that was there, and a reason of no list is unknown", async () => {
    const { telemetry, metrics } = open();
    const series = async (): Promise<string[]> =>
      (await metrics()).split("\n").flatMap((line) => /^[^#].*(?= \S+$)/.exec(line) ?? []);
    const before = await series();
    telemetry.receive.failed(failure("receive", "AccessDenied"));
    telemetry.receive.failed(failure("receive", "SomethingNew"));
    telemetry.receive.damaged(["md5_wrong", "md5_wrong"]);
    telemetry.receive.polled(0);
    telemetry.carry.rejected("id", "not_json");
    telemetry.leases.failed(["timeout", "timeout"]);
    const text = await metrics();
    expect(await series()).toEqual(before);
    expect(text).toContain('maskline_failures_total{stage="receive",reason="unknown"} 1');
    expect(text).toContain('maskline_messages_damaged_total{damage="md5_wrong"} 2');
    expect(text).toContain('maskline_failures_total{stage="renew",reason="timeout"} 2');
  });

  test("lag is the age of the oldest message in hand, now, and grows in an outage", async () => {
    const { inHand, metrics } = open();
    expect(await metrics()).toMatch(/^maskline_lag_seconds 0$/m);
    const nowMs = Date.now();
    for (const ageMs of [5_000, 90_000]) {
      const held = createHeld(inHand.length);
      inHand.push({ ...held, envelope: { ...held.envelope, sentAtMs: nowMs - ageMs } });
    }
    expect(await metrics()).toMatch(/^maskline_lag_seconds 90$/m);
    vi.advanceTimersByTime(60_000);
    expect(await metrics()).toMatch(/^maskline_lag_seconds 150$/m);
  });

  test("says when a receive and a commit last succeeded, whatever failed since", async () => {
    const { telemetry, metrics } = open();
    vi.advanceTimersByTime(100_000);
    telemetry.receive.polled(3);
    telemetry.write.wrote({ written: 3, quarantined: 0, duplicates: 0 }, 5);
    const succeeded = Date.now() / 1000;
    vi.advanceTimersByTime(50_000);
    telemetry.receive.failed(failure("receive", "network"));
    telemetry.write.failed(failure("write", "connection_lost"));
    const text = await metrics();
    expect(text).toContain(`maskline_last_receive_timestamp_seconds ${succeeded}`);
    expect(text).toContain(`maskline_last_commit_timestamp_seconds ${succeeded}`);
  });

  test("when the maintenance ended, and until when there are partitions, is there once it is known", async () => {
    const { maintenance, metrics, telemetry } = open();
    expect(await metrics()).toContain("maskline_maintenance_ended_timestamp_seconds NaN\n");
    maintenance.last = { endedAt: null, partitionsEnd: new Date(9_000) };
    const text = await metrics();
    expect(text).toContain("maskline_maintenance_ended_timestamp_seconds 0\n");
    expect(text).toContain("maskline_partitions_end_timestamp_seconds 9\n");
    telemetry.maintainFailed(failure("maintain", "right_missing"));
    expect(await metrics()).toContain(
      'maskline_failures_total{stage="maintain",reason="right_missing"} 1',
    );
  });

  test("the depth of queue and dead-letter queue is there while it is known, and no old one after", async () => {
    const { depth, telemetry, metrics } = open();
    expect(await metrics()).toMatch(/^maskline_queue_messages_visible 7$/m);
    expect(await metrics()).toMatch(/^maskline_dead_letter_messages 4$/m);
    depth.last = null;
    telemetry.depthFailed(failure("depth", "AccessDenied"));
    const text = await metrics();
    expect(text).toMatch(/^maskline_queue_messages_visible NaN$/m);
    expect(text).toMatch(/^maskline_dead_letter_messages NaN$/m);
    expect(text).toContain('maskline_failures_total{stage="depth",reason="AccessDenied"} 1');
  });

  test("names units, the build and the process", async () => {
    const { telemetry, metrics } = open();
    telemetry.write.wrote({ written: 1, quarantined: 0, duplicates: 0 }, 5);
    const text = await metrics();
    expect(text).toMatch(/^maskline_build_info\{version="1.2.3",contract="sizes",node="v.+"\} 1$/m);
    expect(text).toMatch(/^process_cpu_seconds_total \d/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d{6,}$/m);
    expect(text).toMatch(/^# TYPE maskline_write_duration_seconds histogram$/m);
  });

  test("each figure of the console's pipeline is read in what is served", async () => {
    const { telemetry, metrics } = open();
    await using served = await openReceiver(
      (response) => void metrics().then((text) => response.end(text)),
    );
    const pipeline = createPipeline([served.url], login);
    await pipeline.scrape();
    vi.advanceTimersByTime(10_000);
    telemetry.write.wrote({ written: 30, quarantined: 0, duplicates: 0 }, 5);
    telemetry.write.refused("id", "23514");
    telemetry.carry.rejected("id", "not_json");
    telemetry.carry.rejected("id", "size_invalid");
    await pipeline.scrape();
    const told = pipeline.figures.map(({ name }, at) => [name, pipeline.hour[1]?.[at]] as const);
    expect(Object.fromEntries(told.filter(([, value]) => value !== null))).toEqual({
      "Consumers that answer": 1,
      "Written a second": 3,
      "Lag in seconds": 0,
      "Queue depth": 7,
      "Dead letters": 4,
      "Messages in flight": 0,
      "Breakers open": 0,
      "Refused by Postgres a second": 0.1,
      "Rejected a second": 0.2,
      "Rejected a second: not_json": 0.1,
    });
  });

  test("each is in the table of the operator's page, and the page names no other", async () => {
    const page = await readFile(
      new URL("../../../docs/operations/monitor.md", import.meta.url),
      "utf8",
    );
    const ofOthers = /^## Of (commands that end|several workers)$[^]*?(?=^## )/gm;
    const ofThisProgram = page.replace(ofOthers, "");
    const named = new Set(
      [...ofThisProgram.matchAll(/`((?:maskline|process|nodejs)_[a-z_]+)/g)].map(
        ([, name]) => name,
      ),
    );
    const { telemetry, metrics } = open();
    telemetry.write.wrote({ written: 1, quarantined: 0, duplicates: 0 }, 5);
    const types = [...(await metrics()).matchAll(/^# TYPE ((?:maskline|process|nodejs)_\S+) /gm)];
    const roles = /^maskline_(owner|writer|analyst|requester|approver|custodian|auditor|lead)$/;
    expect(sorted([...named].filter((name) => !roles.test(name ?? "")))).toEqual(
      sorted(types.map(([, name]) => name)),
    );
  });
});

describe("the log", () => {
  test("a failure names its reason, and what does not pass by itself is an error", () => {
    const { telemetry, lines } = open();
    telemetry.write.failed(failure("write", "connection_lost"));
    telemetry.write.failed(failure("write", "tls_untrusted"));
    telemetry.receive.failed(failure("receive", "AccessDenied"));
    expect(lines).toMatchObject([
      { level: 40, stage: "write", reason: "connection_lost", msg: "write failed; trying again" },
      { level: 50, stage: "write", reason: "tls_untrusted" },
      { level: 50, stage: "receive", reason: "AccessDenied" },
    ]);
  });

  test("nine thousand bad messages are two lines a minute, not nine thousand", () => {
    const { telemetry, lines, watched } = open();
    for (let index = 0; index < 9_000; index += 1)
      telemetry.carry.rejected(`id-${index}`, "not_json");
    watched[Symbol.dispose]();
    expect(lines).toMatchObject([
      { msg: "messages rejected", reason: "not_json", messageId: "id-0", count: 1 },
      { msg: "messages rejected", reason: "not_json", count: 8_999 },
    ]);
  });

  test("says once a minute what was done, also where that is nothing", () => {
    const { telemetry, lines } = open();
    telemetry.write.wrote({ written: 7, quarantined: 2, duplicates: 1 }, 5);
    telemetry.ack.deleted(10);
    vi.advanceTimersByTime(120_000);
    expect(lines).toMatchObject([
      { level: 30, msg: "done in the last minute", written: 7, quarantined: 2, deleted: 10 },
      { level: 30, msg: "done in the last minute", written: 0, quarantined: 0, deleted: 0 },
    ]);
  });

  test("what goes badly for over a minute is an error, said each minute with its reason", () => {
    const { telemetry, lines, breaker } = open();
    breaker.forMs = 61_000;
    telemetry.write.failed(failure("write", "connection_lost"));
    telemetry.receive.failed(failure("receive", "network"));
    vi.advanceTimersByTime(120_000);
    const errors = lines.filter(({ level }) => level === 50);
    expect(errors).toMatchObject([
      { msg: "messages cannot be written for long", reason: "connection_lost", forSeconds: 61 },
      { msg: "messages cannot be written for long", reason: "connection_lost" },
      { msg: "messages cannot be received for long", reason: "network", forSeconds: 120 },
    ]);
  });
});

describe("receives", () => {
  test("are not known to succeed before one has", () => {
    const { telemetry } = open();
    expect(telemetry.progress.receives()).toBe(false);
    telemetry.receive.failed(failure("receive", "AccessDenied"));
    expect(telemetry.progress.receives()).toBe(false);
    telemetry.receive.polled(0);
    expect(telemetry.progress.receives()).toBe(true);
  });

  test("that fail for a minute do not succeed any more, until one does", () => {
    const { telemetry } = open();
    telemetry.receive.polled(0);
    vi.advanceTimersByTime(600_000);
    expect(telemetry.progress.receives()).toBe(true);
    telemetry.receive.failed(failure("receive", "QueueDoesNotExist"));
    vi.advanceTimersByTime(59_000);
    telemetry.receive.failed(failure("receive", "QueueDoesNotExist"));
    expect(telemetry.progress.receives()).toBe(true);
    vi.advanceTimersByTime(2_000);
    expect(telemetry.progress.receives()).toBe(false);
    telemetry.receive.polled(0);
    expect(telemetry.progress.receives()).toBe(true);
  });

  test("end where the server is at fault", () => {
    const { telemetry } = open();
    telemetry.receive.polled(0);
    telemetry.receive.halted(["date_missing"]);
    expect(telemetry.progress.receives()).toBe(false);
    vi.advanceTimersByTime(600_000);
    expect(telemetry.progress.sincePollMs()).toBe(0);
  });
});
