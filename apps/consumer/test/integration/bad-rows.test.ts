import { deployed } from "@org/schema/test-contracts";
import { describe, expect, test } from "vitest";

import { anyServed, messagesOf } from "./contracts.ts";
import { readOutcomes } from "./outcomes.ts";
import { drain, openStack, startConsumer } from "./stack.ts";
import type { Stack } from "./stack.ts";

/** Sends as many messages, and has Postgres refuse the rows of those at `bad`. */
async function send(
  stack: Stack,
  count: number,
  bad: readonly number[] = [],
): Promise<{ ids: string[]; refused: string[] }> {
  const bodies = messagesOf(stack.contract, { count, seed: 2 }).map(({ body }) => body);
  const ids = await stack.queue.send(stack.queueUrl, bodies);
  const refused = bad.flatMap((at) => ids[at] ?? []);
  if (refused.length > 0) {
    const list = refused.map((id) => `'${id}'`).join();
    await stack.query(
      `ALTER TABLE ${stack.contract.table} ADD CONSTRAINT refused CHECK (message_id NOT IN (${list})) NOT VALID`,
    );
  }
  return { ids, refused: refused.toSorted() };
}

describe.each(deployed)("rows of $name", (each) => {
  test("that Postgres refuses are quarantined with their SQLSTATE; the rest of their batch commits", async () => {
    await using stack = await openStack({ served: each });
    const { ids, refused } = await send(stack, 200, [7, 57, 107, 157]);
    await drain(stack.env);

    const outcomes = await readOutcomes(stack);
    expect(outcomes.quarantined).toEqual(refused);
    expect(outcomes.rows).toEqual(ids.filter((id) => !refused.includes(id)).toSorted());
    expect(await stack.query("SELECT DISTINCT reason, sql_state FROM maskline.quarantine")).toEqual(
      [{ reason: "refused_by_database", sql_state: "23514" }],
    );
  });
});

const schemas = [
  { name: anyServed.name, served: anyServed, count: 1 },
  ...deployed.map((each) => ({ name: each.name, served: each, count: 200 })),
];

test.each(schemas)(
  "a schema that refuses every row of $name, $count of them, quarantines none, and all are written once it is corrected",
  async ({ served: each, count }) => {
    await using stack = await openStack({ served: each });
    const { table } = stack.contract;
    const { ids } = await send(stack, count);
    await stack.query(`ALTER TABLE ${table} ADD COLUMN forgotten integer NOT NULL`);
    const consumer = startConsumer(stack.env, ["--until-empty"]);
    await consumer.logged(
      "the schema refuses these rows; nothing is quarantined, receiving stops until it is corrected",
    );
    expect(await stack.query("SELECT FROM maskline.quarantine")).toEqual([]);

    await stack.query(`ALTER TABLE ${table} DROP COLUMN forgotten`);
    expect((await consumer.exited()).code).toBe(0);
    expect((await readOutcomes(stack)).rows).toEqual(ids.toSorted());
  },
);

test("a single bad row is quarantined even when it comes alone", async () => {
  await using stack = await openStack();
  const { refused } = await send(stack, 1, [0]);
  await drain(stack.env);
  expect((await readOutcomes(stack)).quarantined).toEqual(refused);
});

test("without a vault a refused row goes to the redrive policy and the rest commit", async () => {
  await using stack = await openStack({ vault: false, maxReceiveCount: 2 });
  await send(stack, 20, [0]);
  await drain(stack.env);
  const outcomes = await readOutcomes(stack);
  expect(outcomes.rows).toHaveLength(19);
  expect(outcomes.deadLettered).toBe(1);
});
