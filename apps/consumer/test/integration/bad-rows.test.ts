import { login, sampleMessages } from "@org/schema";
import { expect, test } from "vitest";

import { readOutcomes } from "./outcomes.ts";
import { drain, openStack, startConsumer } from "./stack.ts";
import type { Stack } from "./stack.ts";

const logins = sampleMessages(login, { count: 260, seed: 2 }).filter(
  ({ kind }) => kind === "message",
);
const bodies = logins.slice(0, 200).map(({ body }) => body);

function withUser(body: string, user: string): string {
  return JSON.stringify({ ...(JSON.parse(body) as object), user_id: user });
}

async function refuse(stack: Stack, condition: string): Promise<void> {
  await stack.query(
    `ALTER TABLE user_logins ADD CONSTRAINT refused CHECK (${condition}) NOT VALID`,
  );
}

test("a row that Postgres refuses is quarantined with its SQLSTATE; the rest of its batch commits", async () => {
  await using stack = await openStack();
  await refuse(stack, "user_id <> 'refused'");
  const sent = bodies.map((body, index) => (index % 50 === 7 ? withUser(body, "refused") : body));
  const ids = await stack.queue.send(stack.queueUrl, sent);
  await drain(stack.env);

  const bad = ids.filter((_, index) => index % 50 === 7).toSorted();
  const outcomes = await readOutcomes(stack);
  expect(outcomes.quarantined).toEqual(bad);
  expect(outcomes.rows).toEqual(ids.filter((id) => !bad.includes(id)).toSorted());
  expect(await stack.query("SELECT DISTINCT reason, sql_state FROM maskline.quarantine")).toEqual([
    { reason: "refused_by_database", sql_state: "23514" },
  ]);
});

test("a single bad row is quarantined even when it comes alone", async () => {
  await using stack = await openStack();
  await refuse(stack, "user_id <> 'refused'");
  const [id] = await stack.queue.send(stack.queueUrl, [withUser(bodies[0] ?? "", "refused")]);
  await drain(stack.env);
  expect((await readOutcomes(stack)).quarantined).toEqual([id]);
});

test.each([1, 200])(
  "a schema that refuses every row quarantines none of %i, and all are written once it is mended",
  async (count) => {
    await using stack = await openStack();
    await stack.query("ALTER TABLE user_logins ADD COLUMN forgotten integer NOT NULL");
    const ids = await stack.queue.send(stack.queueUrl, bodies.slice(0, count));
    const consumer = startConsumer(stack.env, ["--until-empty"]);
    await consumer.logged(
      "the schema refuses these rows; nothing is quarantined, receiving stops until it is mended",
    );
    expect(await stack.query("SELECT FROM maskline.quarantine")).toEqual([]);

    await stack.query("ALTER TABLE user_logins DROP COLUMN forgotten");
    expect((await consumer.exited()).code).toBe(0);
    expect((await readOutcomes(stack)).rows).toEqual(ids.toSorted());
  },
);

test("without a vault a refused row goes to the redrive policy and the rest commit", async () => {
  await using stack = await openStack({ vault: false, maxReceiveCount: 2 });
  await refuse(stack, "user_id <> 'refused'");
  await stack.queue.send(stack.queueUrl, [
    withUser(bodies[0] ?? "", "refused"),
    ...bodies.slice(1, 20),
  ]);
  await drain(stack.env);
  const outcomes = await readOutcomes(stack);
  expect(outcomes.rows).toHaveLength(19);
  expect(outcomes.deadLettered).toBe(1);
});
