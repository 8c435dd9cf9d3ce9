import { expect, test } from "vitest";

import { readConfig } from "../../src/config.ts";
import { openFront } from "../../src/workers/front.ts";
import type { Worker } from "../../src/workers/worker.ts";

const read = readConfig({
  SQS_QUEUE_URL: "http://localhost:4566/000000000000/login-queue",
  DATABASE_URL: "postgresql://consumer:secret@localhost/postgres",
  MASKLINE_KEYRING: "/etc/maskline/keyring.json",
  MASKLINE_WORKERS: "2",
  HOST: "127.0.0.1",
  PORT: "0",
});
if ("faults" in read) throw new Error("The settings are not usable.");
const { config } = read;

const well = { isLive: true, isReady: true };

function worker(about: {
  readonly state?: ReturnType<Worker["state"]>;
  readonly health?: typeof well | null;
  readonly silentMs?: number;
}): Worker {
  const { state = "consuming", health = well, silentMs = 0 } = about;
  return {
    number: 1,
    state: () => state,
    started: Promise.resolve(),
    ended: new Promise(() => {}),
    ask: (async () => health) as Worker["ask"],
    silentMs: () => silentMs,
    kill: () => {},
  };
}

const silent = (silentMs: number): Worker => worker({ health: null, silentMs });
const one = worker({});

// prettier-ignore
const cases: readonly [string, readonly Worker[], string][] = [
  ["both are well", [one, one], "live, ready"],
  ["the second has not been started", [one], "live"],
  ["the second is starting", [one, worker({ state: "starting" })], "live"],
  ["the second has been starting for two minutes", [one, worker({ state: "starting", silentMs: 120_000 })], ""],
  ["the second cannot receive", [one, worker({ health: { isLive: true, isReady: false } })], "live"],
  ["only a restart helps the second", [one, worker({ health: { isLive: false, isReady: false } })], ""],
  ["the second does not answer", [one, silent(1_000)], "live"],
  ["the second has not answered for two minutes", [one, silent(120_000)], ""],
  ["the second has drained the queue", [one, worker({ state: "ended", silentMs: 120_000 })], "live"],
];

test.each(cases)("where %s: %#", async (_, workers, expected) => {
  await using front = await openFront(config, workers);
  const isWell = async (path: string): Promise<boolean> =>
    (await fetch(`http://127.0.0.1:${front.port}/${path}`)).ok;
  const found = [(await isWell("live")) && "live", (await isWell("ready")) && "ready"];

  expect(found.filter(Boolean).join(", ")).toBe(expected);
});

test("a port that is taken is a fault that says what to do", async () => {
  await using front = await openFront(config, []);

  await expect(openFront({ ...config, PORT: front.port }, [])).rejects.toMatchObject({
    message: "health and metrics cannot be served: EADDRINUSE",
    advice: expect.stringContaining("PORT"),
  });
});
