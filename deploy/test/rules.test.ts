/** When alerts fire and when they do not, by promtool over series of our making. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { pathOf, readYaml } from "./files.ts";

type Series = Readonly<Record<string, string>>;

interface Case {
  readonly name: string;
  /** In the place of a series of the healthy system; an empty one is not there. */
  readonly series: Series;
  readonly minutes: number;
  readonly fires: readonly string[];
}

/** A time that is always now: promtool's clock begins with 0, a sample a minute. */
const now = "0+60xEND";
const always = (value: number): string => `${value}xEND`;

const succeeded = (command: string): string =>
  `maskline_run_success_timestamp_seconds{command="${command}"}`;
const maintained = "maskline_maintenance_ended_timestamp_seconds";
const partitionsEnd = "maskline_partitions_end_timestamp_seconds";
const ended = (command: string): string => `maskline_run_exit_code{command="${command}"}`;
const forged = 'maskline_audit_refused_total{code="forged_approval"}';
const tooFast = 'maskline_audit_refused_total{code="too_fast"}';
const unsigned = 'maskline_audit_fault{kind="unsigned_intent"}';

const healthy: Series = {
  maskline_build_info: always(1),
  maskline_lag_seconds: always(2),
  maskline_last_receive_timestamp_seconds: now,
  maskline_last_commit_timestamp_seconds: now,
  maskline_queue_messages_visible: always(10),
  maskline_dead_letter_messages: always(0),
  maskline_breaker_open: always(0),
  maskline_messages_received_total: "0+1000xEND",
  maskline_messages_quarantined_total: "0+1xEND",
  maskline_schema_faults_total: always(0),
  maskline_leases_lost_total: always(0),
  [partitionsEnd]: always(31_536_000),
  [maintained]: now,
  [succeeded("recover audit checkpoint")]: now,
  [succeeded("recover audit verify")]: now,
  [ended("migrate")]: always(0),
  [ended("recover audit checkpoint")]: always(0),
  [ended("recover audit verify")]: always(0),
  [forged]: always(0),
  [tooFast]: always(0),
  [unsigned]: always(0),
};

const one = (name: string, series: Series, minutes: number, ...fires: string[]): Case => ({
  name,
  series,
  minutes,
  fires,
});

/** Half an hour as it should be, then this. */
const after = (rest: string, before = 0): string => `${before}x29 ${rest}`;

// prettier-ignore
const cases: readonly Case[] = [
  one("all is well", {}, 120),
  one("the last consumer is gone", { maskline_build_info: after("_x90", 1) }, 60, "MasklineConsumerGone"),
  one("it was gone for a moment", { maskline_build_info: "1x29 _x8 1x60" }, 40),
  one("a consumer goes on for one that is gone", { 'maskline_build_info{instance="a"}': "1x29 _x90" }, 60),
  one("a backlog", { maskline_lag_seconds: after("1000x60") }, 40, "MasklineBacklogOld"),
  one("a backlog that is being caught up with", { maskline_lag_seconds: after("1000x3 10x60") }, 40),
  one("receives fail", { maskline_last_receive_timestamp_seconds: "0+60x30 1800x60" }, 40, "MasklineNothingReceived"),
  one("an open breaker keeps from receiving", { maskline_last_receive_timestamp_seconds: "0+60x30 1800x60", maskline_breaker_open: after("1x60") }, 40, "MasklineBreakerOpen"),
  one("messages wait and nothing is committed", { maskline_last_commit_timestamp_seconds: "0+60x30 1800x60" }, 45, "MasklineNothingWritten"),
  one("nothing waits, so nothing is committed", { maskline_last_commit_timestamp_seconds: "0+60x30 1800x60", maskline_queue_messages_visible: always(0) }, 60),
  one("the breaker is open", { maskline_breaker_open: after("1x60") }, 40, "MasklineBreakerOpen"),
  one("the breaker of one worker of several is open", { 'maskline_breaker_open{worker="2"}': after("1x60") }, 40, "MasklineBreakerOpen"),
  one("a worker goes on receiving and writing for one that hangs", { 'maskline_last_receive_timestamp_seconds{worker="2"}': "0+60x30 1800x60", 'maskline_last_commit_timestamp_seconds{worker="2"}': "0+60x30 1800x60" }, 60),
  one("workers lose leases that are too many only together", { 'maskline_leases_lost_total{worker="1"}': after("4+4x60"), 'maskline_leases_lost_total{worker="2"}': after("4+4x60") }, 50, "MasklineLeasesLost"),
  one("the breaker was open for a minute", { maskline_breaker_open: after("1 0x60") }, 34),
  one("one message in ten is quarantined", { maskline_messages_quarantined_total: "0+100x90" }, 60, "MasklineQuarantineRate"),
  one("of few messages some are quarantined", { maskline_messages_received_total: "0+2x90", maskline_messages_quarantined_total: "0+1x90" }, 60),
  one("a first schema fault", { maskline_schema_faults_total: after("1x60") }, 35, "MasklineSchemaFault"),
  one("leases are lost", { maskline_leases_lost_total: after("20+20x60") }, 50, "MasklineLeasesLost"),
  one("a dead letter", { maskline_dead_letter_messages: after("1x60") }, 40, "MasklineDeadLetters"),
  one("dead letters that cannot be counted", { maskline_dead_letter_messages: after("NaN ".repeat(20)) }, 40),
  one("maintenance stopped a day and a half ago", { [maintained]: always(-129_600) }, 30, "MasklineMaintenanceNotRun"),
  one("maintenance is a day old", { [maintained]: always(-86_400) }, 30),
  one("nobody says that maintenance was ever run", { [maintained]: "" }, 30, "MasklineMaintenanceNotRun"),
  one("maintenance is scheduled, and there is a function instead of consumers", { [maintained]: "", [succeeded("maintain")]: now }, 30),
  one("it is scheduled and stopped", { [maintained]: "", [succeeded("maintain")]: always(-129_600) }, 30, "MasklineMaintenanceNotRun"),
  one("it was scheduled once, and consumers see to it", { [succeeded("maintain")]: always(-1_000_000), maskline_maintain_partitions_end_timestamp_seconds: always(0) }, 30),
  one("partitions end within a month", { [partitionsEnd]: always(2_592_000) }, 30, "MasklinePartitionsMissing"),
  one("they do by what the command left", { [partitionsEnd]: "", maskline_maintain_partitions_end_timestamp_seconds: always(2_592_000) }, 30, "MasklinePartitionsMissing"),
  one("a migration failed", { [ended("migrate")]: after("2x60") }, 60, "MasklineMigrationFailed"),
  one("a verification finds tampering", { [ended("recover audit verify")]: after("30x60") }, 31, "MasklineTampering"),
  one("a checkpoint finds tampering", { [ended("recover audit checkpoint")]: after("30x60") }, 31, "MasklineTampering"),
  one("a command was denied", { [ended("recover unmask")]: always(3) }, 60),
  one("a forged approval was refused", { [forged]: after("1x60") }, 40, "MasklineForgedApproval"),
  one("a forged approval was refused hours ago", { [forged]: after("1x200") }, 120),
  one("an intent without its signed approvals is in the chain", { [unsigned]: after("1x60") }, 31, "MasklineForgedApproval"),
  one("checkpoints stopped", { [succeeded("recover audit checkpoint")]: "0x90" }, 40, "MasklineCheckpointStale"),
  one("checkpoints were never made", { [succeeded("recover audit checkpoint")]: "" }, 10, "MasklineCheckpointStale"),
  one("a checkpoint failed once", { [succeeded("recover audit checkpoint")]: "0+60x30 1800x10 2460+60x60" }, 45),
  one("verifications stopped", { [succeeded("recover audit verify")]: always(-129_600) }, 30, "MasklineAuditNotVerified"),
  one("many are refused", { [tooFast]: after("30x60") }, 40, "MasklineRefusals"),
  one("some are refused", { [tooFast]: after("5x60") }, 40),
];

/** promtool reads YAML, of which JSON is a part. */
function toPromtool({ name, series, minutes, fires }: Case): object {
  const all = Object.entries({ ...healthy, ...series }).filter(([, values]) => values !== "");
  return {
    name,
    interval: "1m",
    input_series: all.map(([each, values]) => ({
      series: each,
      values: values.replace("END", String(minutes)),
    })),
    promql_expr_test: [
      {
        expr: 'group by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: `${minutes}m`,
        exp_samples: fires.map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 })),
      },
    ],
  };
}

test("every alert fires in one of the cases", () => {
  const { groups } = readYaml("deploy/monitoring/rules.yaml") as {
    groups: readonly { readonly rules: readonly { readonly alert: string }[] }[];
  };
  const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));

  expect([...new Set(cases.flatMap(({ fires }) => fires))].toSorted()).toEqual(alerts.toSorted());
});

// promtool makes a database for each case.
test("alerts fire where they should, and nowhere else", { timeout: 60_000 }, ({ skip }) => {
  const isMissing = spawnSync("promtool", ["--version"]).error !== undefined;
  skip(isMissing, "promtool is not installed: it is in Debian's package prometheus");
  const directory = mkdtempSync(join(tmpdir(), "rules-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "cases.json");
  const rule_files = [pathOf("deploy/monitoring/rules.yaml")];
  const tests = cases.map(toPromtool);
  writeFileSync(file, JSON.stringify({ rule_files, evaluation_interval: "1m", tests }));

  const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", file], {
    encoding: "utf8",
  });

  expect(stdout + stderr).toMatch(/SUCCESS\s*$/);
  expect(status).toBe(0);
});
