import { execFileSync } from "node:child_process";
import { lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { counter, recordRun, type Run } from "@org/run-metrics";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

let directory: string;
let environment: { MASKLINE_METRICS_FILE: string };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "run-metrics-"));
  environment = { MASKLINE_METRICS_FILE: join(directory, "job.prom") };
  vi.useFakeTimers({ toFake: ["Date", "performance"], now: 1_790_000_000_000 });
});

afterEach(async () => {
  vi.useRealTimers();
  await rm(directory, { recursive: true });
});

const things = counter("things_total", "Things that were seen");

const run = (changes: Partial<Run> = {}): Run => ({
  command: "job",
  exitCode: 0,
  startedAtMs: performance.now() - 1_500,
  samples: [{ metric: things, labels: { kind: "one" }, value: 3 }],
  ...changes,
});

const text = () => readFile(environment.MASKLINE_METRICS_FILE, "utf8");

test("a run leaves its series, in a file that everybody may read, and nothing beside it", async () => {
  expect(await recordRun(environment, run())).toBeNull();
  expect(await text()).toBe(`# HELP maskline_run_exit_code How the command ended last; 0 is well
# TYPE maskline_run_exit_code gauge
maskline_run_exit_code{command="job"} 0
# HELP maskline_run_end_timestamp_seconds When the command ended last
# TYPE maskline_run_end_timestamp_seconds gauge
maskline_run_end_timestamp_seconds{command="job"} 1790000000
# HELP maskline_run_success_timestamp_seconds When the command last ended well
# TYPE maskline_run_success_timestamp_seconds gauge
maskline_run_success_timestamp_seconds{command="job"} 1790000000
# HELP maskline_run_duration_seconds How long the command took last
# TYPE maskline_run_duration_seconds gauge
maskline_run_duration_seconds{command="job"} 1.5
# HELP things_total Things that were seen
# TYPE things_total counter
things_total{kind="one"} 3
`);
  expect((await stat(environment.MASKLINE_METRICS_FILE)).mode & 0o777).toBe(0o644);
  expect(await readdir(directory)).toEqual(["job.prom"]);
});

test("a failure changes how it ended, and neither the last success nor what it could not find out", async () => {
  await recordRun(environment, run());
  vi.advanceTimersByTime(60_000);
  await recordRun(environment, run({ exitCode: 20, samples: [] }));
  const lines = (await text()).split("\n");
  expect(lines).toContain('maskline_run_exit_code{command="job"} 20');
  expect(lines).toContain('maskline_run_end_timestamp_seconds{command="job"} 1790000060');
  expect(lines).toContain('maskline_run_success_timestamp_seconds{command="job"} 1790000000');
  expect(lines).toContain('things_total{kind="one"} 3');
});

test("commands that follow each other in one file leave each other's series, under one head", async () => {
  await recordRun(environment, run());
  await recordRun(environment, run({ command: "other", exitCode: 2, samples: [] }));
  expect(await text()).toContain(`# TYPE maskline_run_exit_code gauge
maskline_run_exit_code{command="job"} 0
maskline_run_exit_code{command="other"} 2
#`);
});

test("what is no metric in the file goes, and keeps nothing from being written", async () => {
  const before = "half a li\nthings_total 7\n# HELP things_total x\n# TYPE things_total counter\n";
  await writeFile(environment.MASKLINE_METRICS_FILE, `${before}things_total{kind="two"} 8\nthin`);
  await recordRun(environment, run());
  const lines = (await text()).split("\n");
  expect(lines.filter((line) => line.startsWith("thin"))).toEqual([
    'things_total{kind="two"} 8',
    'things_total{kind="one"} 3',
  ]);
});

test("a place that cannot be written to is said without its path, and throws nothing", async () => {
  const MASKLINE_METRICS_FILE = join(directory, "sentinel", "job.prom");
  expect(await recordRun({ MASKLINE_METRICS_FILE }, run())).toBe(
    "The metrics of this run were not written (ENOENT): check MASKLINE_METRICS_FILE.",
  );
  await recordRun({ MASKLINE_METRICS_FILE: "" }, run());
  expect(await readdir(directory)).toEqual([]);
});

test("a link that somebody laid in its place is replaced, and nothing written where it leads", async () => {
  const other = join(directory, "other");
  await writeFile(other, "kept");
  for (const name of ["job.prom", `job.prom.${process.pid}`])
    await symlink(other, join(directory, name));
  expect(await recordRun(environment, run())).toBeNull();
  expect(await readFile(other, "utf8")).toBe("kept");
  expect((await lstat(environment.MASKLINE_METRICS_FILE)).isFile()).toBe(true);
});

test("a pipe in its place makes no run wait for a writer", async () => {
  execFileSync("/bin/sh", ["-c", 'mkfifo "$0"', environment.MASKLINE_METRICS_FILE]);
  expect(await recordRun(environment, run())).toBeNull();
  expect(await text()).toContain("maskline_run_exit_code");
});
