import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, expect, test, vi } from "vitest";

import { samplesOf } from "./contracts.ts";
import { readOutcomes } from "./outcomes.ts";
import { openStack, startConsumer, untilWriteHangs } from "./stack.ts";
import type { RunningConsumer, Stack } from "./stack.ts";

let stack: Stack;
let ids: string[] = [];
/** What two workers served, for promtool. */
let served = "";

/** What is waited for comes at once, where nothing else runs. */
const patienceMs = 30_000;

// A lease that is soon over: what a killed worker held comes again.
beforeAll(async () => {
  stack = await openStack({ visibilityTimeoutSeconds: 2, maxReceiveCount: 1_000 });
});
afterAll(() => stack[Symbol.asyncDispose]());

interface Two {
  readonly consumer: RunningConsumer;
  readonly pids: readonly number[];
  readonly get: (path: string) => Promise<{ status: number; text: string }>;
}

async function startTwo(args: readonly string[] = []): Promise<Two> {
  const env = { ...stack.env, MASKLINE_WORKERS: "2", MASKLINE_WAIT_SECONDS: "1" };
  const consumer = startConsumer(env, args);
  const { port } = await consumer.logged("all workers consume");
  return {
    consumer,
    pids: said(consumer, "consuming").map(({ pid }) => Number(pid)),
    async get(path) {
      const response = await fetch(`http://127.0.0.1:${String(port)}/${path}`);
      return { status: response.status, text: await response.text() };
    },
  };
}

/** What the workers said, in their order. */
function said({ output }: RunningConsumer, message: string): Record<string, unknown>[] {
  return output()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg, worker }) => msg === message && typeof worker === "number")
    .toSorted((one, other) => Number(one["worker"]) - Number(other["worker"]));
}

async function send(count: number): Promise<void> {
  const bodies = samplesOf(stack, { count, seed: ids.length }).map(({ body }) => body);
  ids = [...ids, ...(await stack.queue.send(stack.queueUrl, bodies))];
}

/** Sends what no worker can write until the transaction ends that this one begins. */
async function sendIntoHands(count: number): Promise<void> {
  await stack.query("BEGIN");
  await stack.query("LOCK TABLE maskline.ledger IN ACCESS EXCLUSIVE MODE");
  await send(count);
  await untilWriteHangs(stack);
}

async function expectOneOutcomeEach(): Promise<void> {
  const { rows, quarantined, deadLettered } = await readOutcomes(stack);
  expect([...rows, ...quarantined].toSorted()).toEqual(ids.toSorted());
  expect(deadLettered).toBe(0);
}

/** Values by series; that HELP and TYPE stand once, above what is of one family, and no series twice. */
function readExposition(text: string): Map<string, number> {
  const series = new Map<string, number>();
  const families = new Set<string>();
  for (const block of text.split(/^(?=# HELP )/m)) {
    const [, name = "", rest = ""] =
      /^# HELP (\w+) .+\n(?:# UNIT \1 \w+\n)?# TYPE \1 (?:counter|gauge|histogram)\n([^]*)$/.exec(
        block,
      ) ?? [];
    expect({ name, isNew: !families.has(name) }).toEqual({ name, isNew: true });
    families.add(name);
    for (const line of rest.split("\n").filter((each) => each !== "")) {
      const [, key = "", of = "", value] =
        /^((\w+?)(?:\{(?:\w+="[^"]*",?)+\})?) (\S+)$/.exec(line) ?? [];
      expect(of.replace(/_(bucket|sum|count)$/, ""), line).toBe(
        name.replace(/_(bucket|sum|count)$/, ""),
      );
      expect(series.has(key), key).toBe(false);
      series.set(key, Number(value));
    }
  }
  return series;
}

const sumOf = (series: ReadonlyMap<string, number>, name: string): number =>
  [1, 2].reduce((sum, worker) => sum + (series.get(`${name}{worker="${worker}"}`) ?? NaN), 0);

test("two workers serve one /ready and one exposition, and one SIGTERM drains what both have in hand", async () => {
  const { consumer, pids, get } = await startTwo();
  expect(pids).toHaveLength(2);
  await vi.waitFor(async () => expect((await get("ready")).status).toBe(200), patienceMs);
  expect((await get("live")).status).toBe(200);
  await send(200);
  served = await vi.waitFor(async () => {
    const { text } = await get("metrics");
    const series = readExposition(text);
    expect(sumOf(series, "maskline_messages_deleted_total")).toBeGreaterThanOrEqual(200);
    // The supervisor's own has no worker's label.
    expect(series.get("process_resident_memory_bytes")).toBeGreaterThan(0);
    return text;
  }, patienceMs);
  await expectOneOutcomeEach();

  // One that hangs: stopped, and asked in vain.
  process.kill(pids[1] ?? 0, "SIGSTOP");
  const asked = [get("ready"), get("live"), get("metrics")] as const;
  const [ready, live, { text }] = await Promise.all(asked);
  expect([ready.status, live.status]).toEqual([503, 200]);
  const unanswered = 'maskline_worker_unanswered_total{worker="2"}';
  const then = readExposition(text);
  expect([...then.keys()].filter((key) => key.includes('worker="2"'))).toEqual([unanswered]);
  // Once for metrics, and once for what two probes wanted to know.
  const later = readExposition((await get("metrics")).text);
  expect((later.get(unanswered) ?? 0) - (then.get(unanswered) ?? 0)).toBe(2);
  process.kill(pids[1] ?? 0, "SIGCONT");
  await vi.waitFor(async () => expect((await get("ready")).status).toBe(200), patienceMs);

  for (const pid of pids) process.kill(pid, "SIGUSR1");
  await sendIntoHands(300);
  // As a terminal or a supervisor sends it: the workers have it from there, and from their supervisor.
  process.kill(-(consumer.process.pid ?? 0), "SIGTERM");
  await consumer.logged("stopping: finishing what is in hand");
  await stack.query("COMMIT");
  const { code, output } = await consumer.exited();
  expect(code).toBe(0);
  expect(said(consumer, "stopped")).toHaveLength(2);
  expect(output).not.toMatch(/Debugger listening|second signal/);
  await expectOneOutcomeEach();
});

test("what they serve is what the operator's page lists, and no other", async () => {
  const page = new URL("../../../../docs/operations/monitor.md", import.meta.url);
  const sections = (await readFile(page, "utf8")).split(/^(?=## )/m);
  const listed = sections
    .filter((section) => /^## (Metrics|Of several workers)$/m.test(section))
    .flatMap((section) => section.match(/(?<=`)(maskline|process|nodejs)_[a-z_]+/g) ?? []);
  expect(served.match(/(?<=^# TYPE )\S+/gm)?.toSorted()).toEqual(listed.toSorted());
});

test("promtool takes what they serve", ({ skip }) => {
  const promtool = spawnSync("promtool", ["check", "metrics"], { input: served, encoding: "utf8" });
  skip(
    promtool.error !== undefined,
    "promtool is not installed: it is in Debian's package prometheus",
  );
  expect(promtool.stderr).toBe("");
  expect(promtool.status).toBe(0);
});

test("a worker that is killed: the other stops in order, and the exit code says that it was no order", async () => {
  const { consumer, pids } = await startTwo();
  await sendIntoHands(300);
  process.kill(pids[0] ?? 0, "SIGKILL");
  await consumer.logged("a worker ended by itself: the others stop");
  await consumer.logged("stopping: finishing what is in hand");
  await stack.query("COMMIT");
  expect((await consumer.exited()).code).toBe(1);
  expect(said(consumer, "stopped").map(({ worker }) => worker)).toEqual([2]);
});

test("a worker that ends in order, though nobody told the consumer to: neither does its exit code", async () => {
  const { consumer, pids } = await startTwo();
  process.kill(pids[0] ?? 0, "SIGTERM");
  await consumer.logged("a worker ended by itself: the others stop");
  expect((await consumer.exited()).code).toBe(1);
  expect(said(consumer, "stopped").map(({ worker }) => worker)).toEqual([1, 2]);
});

test("workers whose supervisor is killed end in order; at a second signal, none goes on", async () => {
  const [orphaned, hurried] = await Promise.all([startTwo(), startTwo()]);
  await sendIntoHands(100);
  orphaned.consumer.process.kill("SIGKILL");
  await orphaned.consumer.logged("stopping: finishing what is in hand");
  await stack.query("COMMIT");
  // What they write to is closed once all have ended.
  expect((await orphaned.consumer.exited()).signal).toBe("SIGKILL");
  expect(said(orphaned.consumer, "stopped")).toHaveLength(2);

  await sendIntoHands(100);
  hurried.consumer.process.kill("SIGTERM");
  await hurried.consumer.logged("stopping: each worker finishes what it has in hand");
  await sleep(1_100);
  hurried.consumer.process.kill("SIGTERM");
  const { code, output } = await hurried.consumer.exited();
  await stack.query("COMMIT");
  expect(code).toBe(1);
  expect(output).toContain("second signal: exiting at once");
});

test("a drain by two ends when both find nothing, with one outcome for each message that ever was in a dead worker's hand", async () => {
  await send(100);
  const { consumer } = await startTwo(["--until-empty"]);
  expect((await consumer.exited()).code).toBe(0);
  expect(said(consumer, "the queue is empty")).toHaveLength(2);
  await expectOneOutcomeEach();
  expect(await stack.queue.depth(stack.queueUrl)).toMatchObject({ visible: 0, inFlight: 0 });
});

test("what keeps all workers from starting is said once", async () => {
  const env = { ...stack.env, MASKLINE_WORKERS: "2", MASKLINE_KEYRING: "/nowhere/keyring.json" };
  const { code, output } = await startConsumer(env).exited();
  expect(code).toBe(2);
  expect(output.match(/Cannot start:/g)).toHaveLength(1);
});
