import { startFaultProxy } from "@org/faults/fault-proxy";
import { deployed } from "@org/schema/test-contracts";
import { afterAll, beforeAll, expect, test } from "vitest";

import { anyServed, messagesOf, originalsOf } from "./contracts.ts";
import { recordEvent, startSandbox, unpackFunction } from "./lambda/function.ts";
import type { TaskRoot } from "./lambda/function.ts";
import type { Ending } from "./lambda/runtime-api.ts";
import { readOutcomes } from "./outcomes.ts";
import { openStack } from "./stack.ts";
import type { Stack } from "./stack.ts";

let root: TaskRoot;
beforeAll(async () => {
  root = await unpackFunction();
});
afterAll(() => root[Symbol.asyncDispose]());

const noMessage = '{"foo":"bar"}';

function bodiesOf({ contract }: Pick<Stack, "contract">, count: number, seed = 7): string[] {
  return messagesOf(contract, { count, seed }).map(({ body }) => body);
}

function answer(...failed: (string | undefined)[]): Ending {
  const batchItemFailures = failed.map((itemIdentifier) => ({
    itemIdentifier: String(itemIdentifier),
  }));
  return { kind: "response", body: { batchItemFailures } };
}

const byText = (one = "", other = ""): number => (one < other ? -1 : 1);

async function idsIn(stack: Stack): Promise<string[]> {
  const { rows, quarantined } = await readOutcomes(stack);
  return [...rows, ...quarantined].toSorted();
}

test.each(deployed)(
  "a batch of $name, at a cold start and whole once more, is one outcome each, and its values are told nowhere",
  async (each) => {
    await using stack = await openStack({ served: each });
    await using sandbox = await startSandbox(root, stack.env);
    const messages = messagesOf(stack.contract, { count: 20, seed: 3 });
    const { event, ids } = recordEvent([...messages, { body: noMessage }]);

    expect(await sandbox.invoke(event)).toEqual(answer());
    expect(await sandbox.invoke(event)).toEqual(answer());

    const { rows, quarantined } = await readOutcomes(stack);
    expect(rows.toSorted()).toEqual(ids.slice(0, -1).toSorted());
    expect(quarantined).toEqual(ids.slice(-1));
    for (const { message } of messages) {
      for (const value of Object.values(originalsOf(stack.contract, message))) {
        expect(sandbox.output()).not.toContain(value);
      }
    }
    await expect
      .poll(() => sandbox.output())
      .toContain('"written":20,"quarantined":1,"duplicates":0,"failed":0');
    await expect
      .poll(() => sandbox.output())
      .toContain('"written":0,"quarantined":0,"duplicates":21,"failed":0');
  },
);

test("without a vault, a batch with one body that is no message returns exactly that one; on FIFO, its group behind it too", async () => {
  await using stack = await openStack({ vault: false });
  await using sandbox = await startSandbox(root, stack.env);
  const [first = "", second = "", third = "", fourth = ""] = bodiesOf(stack, 4);
  const standard = recordEvent([{ body: first }, { body: noMessage }, { body: second }]);
  expect(await sandbox.invoke(standard.event)).toEqual(answer(standard.ids[1]));

  const fifo = recordEvent([
    { body: noMessage, groupId: "a" },
    { body: third, groupId: "b" },
    { body: fourth, groupId: "a" },
  ]);
  expect(await sandbox.invoke(fifo.event)).toEqual(answer(fifo.ids[0], fifo.ids[2]));
  const durable = [standard.ids[0], standard.ids[2], fifo.ids[1]];
  expect(await idsIn(stack)).toEqual(durable.toSorted(byText));
});

test("a batch with a damaged message returns that one alone, though it came twice; on FIFO, its group behind it too", async () => {
  await using stack = await openStack();
  await using sandbox = await startSandbox(root, stack.env);
  const [first = "", second = "", third = "", ...others] = bodiesOf(stack, 8);
  const standard = recordEvent([
    { body: first },
    { body: second, isDamaged: true },
    { body: third },
  ]);
  const { Records } = standard.event;
  const twice = { Records: [...Records, Records[1], Records[0]] };
  expect(await sandbox.invoke(twice)).toEqual(answer(standard.ids[1]));

  const groups = ["a", "b", "a", "b", "a"];
  const fifo = recordEvent(
    groups.map((groupId, at) => ({ body: others[at] ?? "", groupId, isDamaged: at === 2 })),
  );
  expect(await sandbox.invoke(fifo.event)).toEqual(answer(fifo.ids[2], fifo.ids[4]));
  const durable = [standard.ids[0], standard.ids[2], fifo.ids[0], fifo.ids[1], fifo.ids[3]];
  expect(await idsIn(stack)).toEqual(durable.toSorted(byText));
});

test("invocations share one connection; a sandbox that thaws after it was ended writes over a new one", async () => {
  await using stack = await openStack();
  await using sandbox = await startSandbox(root, stack.env);
  const recorded = bodiesOf(stack, 3).map((body) => recordEvent([{ body }]));
  const [first, second, third] = recorded;
  const backends = async (): Promise<{ pid: number }[]> =>
    stack.query(
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'maskline-writer'",
    );
  expect(await sandbox.invoke(first?.event)).toEqual(answer());
  const shared = await backends();
  expect(shared).toHaveLength(1);
  expect(await sandbox.invoke(second?.event)).toEqual(answer());
  expect(await backends()).toEqual(shared);

  sandbox.freeze();
  await stack.query("SELECT pg_terminate_backend($1)", [shared[0]?.pid]);
  const invoking = sandbox.invoke(third?.event);
  sandbox.thaw();
  expect(await invoking).toEqual(answer());
  expect(await idsIn(stack)).toEqual(recorded.flatMap(({ ids }) => ids).toSorted());
  expect(await backends()).not.toEqual(shared);
});

test("while the database is away, also at the start, the whole batch is returned; once it is back, one outcome each", async () => {
  await using stack = await openStack();
  const url = new URL(stack.env["DATABASE_URL"] ?? "");
  await using proxy = await startFaultProxy({ host: url.hostname, port: Number(url.port) });
  url.host = `${proxy.host}:${proxy.port}`;
  proxy.setFault({ kind: "reset" });
  await using sandbox = await startSandbox(root, { ...stack.env, DATABASE_URL: url.href });
  const { event, ids } = recordEvent(bodiesOf(stack, 3).map((body) => ({ body })));
  expect(await sandbox.invoke(event, { timeoutMs: 2_000 })).toEqual(answer(...ids));

  proxy.setFault({ kind: "pass" });
  expect(await sandbox.invoke(event)).toEqual(answer());

  proxy.setFault({ kind: "reset" });
  const later = recordEvent(bodiesOf(stack, 2, 8).map((body) => ({ body })));
  expect(await sandbox.invoke(later.event, { timeoutMs: 2_000 })).toEqual(answer(...later.ids));
  proxy.setFault({ kind: "pass" });
  expect(await sandbox.invoke(later.event)).toEqual(answer());
  expect(await idsIn(stack)).toEqual([...ids, ...later.ids].toSorted());
});

test("what is not durable when time is short is returned; a write that ends later makes no second outcome", async () => {
  await using stack = await openStack();
  await using sandbox = await startSandbox(root, stack.env);
  const { event, ids } = recordEvent(bodiesOf(stack, 3).map((body) => ({ body })));
  await stack.query("BEGIN");
  await stack.query("LOCK TABLE maskline.ledger IN ACCESS EXCLUSIVE MODE");
  expect(await sandbox.invoke(event, { timeoutMs: 2_000 })).toEqual(answer(...ids));
  await stack.query("COMMIT");

  expect(await sandbox.invoke(event)).toEqual(answer());
  expect(await idsIn(stack)).toEqual(ids.toSorted());
});

test("a function with nothing set does not start, and lists every variable with what to do", async () => {
  await using sandbox = await startSandbox(root, {});
  const { body } = await sandbox.initError;
  expect(body["errorMessage"]).toMatch(/DATABASE_URL is not set: .{20}/);
  expect(body["errorMessage"]).toMatch(/MASKLINE_KEYRING is not set: .{20}/);
  const said = `${String(body["errorType"])}: ${String(body["errorMessage"])}`;
  expect(body["trace"]).toEqual(said.split("\n"));
});

test("a function whose contract is not the database's, and whose keyring is gone, does not start, and says both", async () => {
  const other = deployed.find((each) => each !== anyServed);
  await using stack = await openStack();
  await using sandbox = await startSandbox(root, {
    ...stack.env,
    MASKLINE_CONTRACT: other?.reference ?? "",
    MASKLINE_KEYRING: `${stack.keyringPath}.gone`,
  });
  const { body } = await sandbox.initError;
  expect(body["errorMessage"]).toContain("it was never migrated to this contract");
  expect(body["errorMessage"]).toContain("a file that cannot be read (ENOENT)");
  expect((await sandbox.exited()).code).toBe(1);
});

test("what production refuses, a function refuses too, and an event of another source it cannot read", async () => {
  await using stack = await openStack();
  const production = { ...stack.env, MASKLINE_PROFILE: "production" };
  await using refused = await startSandbox(root, production);
  const { body } = await refused.initError;
  expect(body["errorMessage"]).toContain("inline_keys in MASKLINE_ALLOW");

  await using sandbox = await startSandbox(root, stack.env);
  const { kind } = await sandbox.invoke({ Records: [{ eventSource: "aws:s3" }] });
  expect(kind).toBe("error");
});
