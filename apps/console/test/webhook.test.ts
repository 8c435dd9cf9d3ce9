import { randomUUID } from "node:crypto";
import type { OpenGrant } from "@org/db";
import type { RecoverKeyring } from "@org/recovery";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createWebhook } from "../src/webhook.ts";
import { openReceiver, type Receiver } from "./receiver.ts";

const origin = new URL("https://console.example");
const keyring = { thresholds: [{ above: 0, required: 2, sinceMs: 0 }] };
let open: OpenGrant[];
let clock: { nowMs: number };
let logged: Record<string, unknown>[];
let receiver: Receiver;

beforeEach(() => {
  open = [];
  clock = { nowMs: 0 };
  logged = [];
});

afterEach(() => receiver[Symbol.asyncDispose]());

const grantOf = (state: "pending" | "live", approvers: readonly string[] = []): OpenGrant => ({
  id: randomUUID(),
  state,
  records: 1,
  approvalsRequired: 1,
  approvals: approvers.map((approver) => ({ approver, decision: "approve" })),
});

const webhook = (url = receiver.url): (() => Promise<void>) =>
  createWebhook(url, async () => open, {
    origin,
    readKeyring: async () => keyring as unknown as RecoverKeyring,
    log: pino({}, { write: (line: string) => void logged.push(JSON.parse(line)) }),
    now: () => clock.nowMs,
  });

const eventOf = ({ id }: OpenGrant, state: "pending" | "live"): string =>
  JSON.stringify({ id: `${id}.${state}`, grant: id, state, link: `${origin.origin}/grants/${id}` });

test("what waits, and what was approved, is told once each: its id, its state, a link, nothing else", async () => {
  receiver = await openReceiver();
  const [waits, approved] = [grantOf("pending"), grantOf("live", ["adam", "eve"])];
  open = [waits, approved];
  const tell = webhook();
  await tell();
  await tell();
  expect(receiver.bodies.toSorted()).toEqual(
    [eventOf(waits, "pending"), eventOf(approved, "live")].toSorted(),
  );
  open = [{ ...waits, ...grantOf("live", ["adam", "eve"]), id: waits.id }];
  await tell();
  expect(receiver.bodies.at(-1)).toBe(eventOf(waits, "live"));
});

test("what the database calls live waits as long as the recover keyring asks for more approvals", async () => {
  receiver = await openReceiver();
  const grant = grantOf("live", ["adam"]);
  open = [grant];
  const tell = webhook();
  await tell();
  open = [{ ...grant, ...grantOf("live", ["adam", "eve"]), id: grant.id }];
  await tell();
  expect(receiver.bodies).toEqual([eventOf(grant, "pending"), eventOf(grant, "live")]);
});

test("a process that starts anew tells it again, with the same id", async () => {
  receiver = await openReceiver();
  open = [grantOf("pending")];
  await webhook()();
  await webhook()();
  expect(receiver.bodies).toHaveLength(2);
  expect(new Set(receiver.bodies).size).toBe(1);
});

test("what fails is tried again after pauses that grow, and is then told", async () => {
  let isWell = false;
  receiver = await openReceiver((response) => response.writeHead(isWell ? 204 : 503).end());
  open = [grantOf("pending")];
  const tell = webhook();
  const seen: number[] = [];
  for (const nowMs of [0, 14_999, 15_000, 44_999, 45_000, 104_999]) {
    clock.nowMs = nowMs;
    await tell();
    seen.push(receiver.bodies.length);
  }
  expect(seen).toEqual([1, 1, 2, 2, 3, 3]);
  isWell = true;
  clock.nowMs = 105_000;
  await tell();
  clock.nowMs = 10_000_000;
  await tell();
  expect(receiver.bodies).toHaveLength(4);
  expect(new Set(receiver.bodies).size).toBe(1);
  expect(logged).toEqual([]);
});

test("what fails for half an hour is given up, and said in the log by its id alone", async () => {
  receiver = await openReceiver((response) => response.destroy());
  const grant = grantOf("pending");
  open = [grant];
  const secret = new URL("hooks/T0-secret", receiver.url);
  const tell = webhook(secret);
  for (; clock.nowMs <= 2_100_000; clock.nowMs += 15_000) await tell();
  expect(logged).toEqual([
    expect.objectContaining({
      id: `${grant.id}.pending`,
      msg: "given up: the webhook's receiver does not take it",
    }),
  ]);
  expect(JSON.stringify(logged)).not.toContain("T0-secret");
  open = [grant, grantOf("pending")];
  const before = receiver.bodies.length;
  await tell();
  // The other is tried all the same.
  expect(receiver.bodies.slice(before).join("")).toContain(open[1]?.id);
  expect(receiver.bodies.slice(before).join("")).not.toContain(grant.id);
});

test("an answer that leads elsewhere is not followed, and counts as none", async () => {
  await using elsewhere = await openReceiver();
  receiver = await openReceiver((response) =>
    response.writeHead(307, { location: elsewhere.url.href }).end(),
  );
  open = [grantOf("pending")];
  const tell = webhook();
  await tell();
  clock.nowMs = 15_000;
  await tell();
  expect(elsewhere.bodies).toEqual([]);
  expect(receiver.bodies).toHaveLength(2);
});

test("of an answer nothing but its status is read, however long it is", async () => {
  receiver = await openReceiver((response) => {
    const more = (): void => {
      while (!response.destroyed && response.write("x".repeat(65_536)));
    };
    response.on("drain", more);
    more();
  });
  open = [grantOf("pending")];
  const tell = webhook();
  await tell();
  await tell();
  expect(receiver.bodies).toHaveLength(1);
});

test("who does not answer holds up nothing but itself", async () => {
  open = [grantOf("pending"), grantOf("pending")];
  const [mute, told] = open;
  let taken = 0;
  receiver = await openReceiver((response) => {
    if (receiver.bodies.at(-1)?.includes(String(mute?.id)) === false) {
      taken += 1;
      response.end();
    }
  });
  // It ends, though nobody ends the answer.
  await webhook()();
  expect(receiver.bodies.join("")).toContain(told?.id);
  expect(taken).toBe(1);
});

test("of a thousand that are new, sixteen are sent at once, and in the end each", async () => {
  receiver = await openReceiver();
  open = Array.from({ length: 40 }, () => grantOf("pending"));
  const tell = webhook();
  const seen: number[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    await tell();
    seen.push(receiver.bodies.length);
  }
  expect(seen).toEqual([16, 32, 40, 40]);
  expect(new Set(receiver.bodies).size).toBe(40);
});
