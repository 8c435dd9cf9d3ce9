import type { AnyContract } from "@org/schema";
import { served } from "@org/schema/test-contracts";
import { describe, expect, test } from "vitest";

import { anyServed, messagesOf, originalsOf, samplesOf, tokenColumns } from "./contracts.ts";
import type { Message } from "./contracts.ts";
import { readOutcomes } from "./outcomes.ts";
import { drain, openStack, startConsumer } from "./stack.ts";

const bodiesOf = (messages: readonly { readonly body: string }[]): string[] =>
  messages.map(({ body }) => body);

/** Without an optional value that is missing, so that every column has a token. */
function isWhole({ message }: { message: Message }): boolean {
  return Object.values(message).every((value) => value !== null);
}

/** Whether two messages have no masked value in common. */
function differ(
  contract: AnyContract,
  one: { message: Message },
  other: { message: Message },
): boolean {
  const originals = originalsOf(contract, one.message);
  const others = originalsOf(contract, other.message);
  return contract.fields.every(
    ({ name, isMasked }) => !isMasked || originals[name] !== others[name],
  );
}

describe.each(served)("a queue of $name, drained once", (each) => {
  test("ends with one outcome a message: a row for each message, quarantine for the rest", async () => {
    await using stack = await openStack({ served: each });
    const messages = samplesOf(each, { count: 400, seed: 11 });
    const ids = await stack.queue.send(stack.queueUrl, bodiesOf(messages));
    await drain(stack.env);

    const idsOf = (kind: string): string[] =>
      ids.filter((_, index) => messages[index]?.kind === kind).toSorted();
    expect(await readOutcomes(stack)).toEqual({
      rows: idsOf("message"),
      quarantined: idsOf("wrong_shape"),
      deadLettered: 0,
    });
    expect(idsOf("wrong_shape").length).toBeGreaterThan(0);
    expect(await stack.queue.depth(stack.queueUrl)).toEqual({
      visible: 0,
      inFlight: 0,
      delayed: 0,
    });
  });

  test("gives equal values equal tokens, and every row its sealed record and its seed", async () => {
    await using stack = await openStack({ served: each });
    const { contract } = stack;
    const [first, ...others] = messagesOf(contract, { count: 500, seed: 5 }).filter(isWhole);
    const other = others.find((each) => first && differ(contract, first, each));
    if (!first || !other) throw new Error("No two samples differ in every masked field.");
    await stack.queue.send(stack.queueUrl, bodiesOf([first, first, other]));
    await drain(stack.env);

    const counts = tokenColumns(contract).map(
      (column) =>
        `count(DISTINCT ${column})::int AS ${column},
         bool_and(${column} ~ '^mk1\\.[a-z0-9]{1,16}\\.[A-Za-z0-9_-]{43}$') AS ${column}_is_token`,
    );
    const [row] = await stack.query<Record<string, unknown>>(
      `SELECT count(*)::int AS rows, count(vault.record_id)::int AS sealed,
              count(seed.record_id)::int AS seeds, ${counts.join()}
         FROM ${contract.table}
         LEFT JOIN maskline.vault USING (record_id, create_date)
         LEFT JOIN maskline.seed USING (record_id, create_date)`,
    );
    expect(row).toEqual({
      rows: 3,
      sealed: 3,
      seeds: 3,
      ...Object.fromEntries(
        tokenColumns(contract).flatMap((column) => [
          [column, 2],
          [`${column}_is_token`, true],
        ]),
      ),
    });
    expect(
      await stack.query("SELECT count(DISTINCT id)::int AS keys FROM maskline.batch_key"),
    ).toEqual([{ keys: 1 }]);
  });
});

test("without a vault: leaves rejected messages to the redrive policy, and seals nothing", async () => {
  await using stack = await openStack({ vault: false, maxReceiveCount: 2 });
  const messages = samplesOf(anyServed, { count: 200, seed: 3 });
  await stack.queue.send(stack.queueUrl, bodiesOf(messages));
  const wrong = messages.filter(({ kind }) => kind === "wrong_shape").length;
  const { output } = await drain(stack.env);

  const outcomes = await readOutcomes(stack);
  expect(outcomes.rows).toHaveLength(200 - wrong);
  expect(outcomes).toMatchObject({ quarantined: [], deadLettered: wrong });
  expect(output).toContain(`not_a_${stack.contract.name}`);
  expect(await stack.query("SELECT FROM maskline.vault")).toEqual([]);
});

describe("starting", () => {
  test("is refused where a rejected message would have nowhere to go", async () => {
    await using stack = await openStack({ vault: false });
    const alone = await stack.queue.createQueue(`${stack.database.name}-alone`);
    const { code, output } = await startConsumer({ ...stack.env, SQS_QUEUE_URL: alone }).exited();
    expect(code).toBe(2);
    expect(output).toContain("nowhere to go");
  });

  test("is refused with what to do where the database login is not the writer", async () => {
    await using stack = await openStack();
    const DATABASE_URL = await stack.database.createLogin("maskline_analyst");
    const { code, output } = await startConsumer({ ...stack.env, DATABASE_URL }).exited();
    expect(code).toBe(2);
    expect(output).toMatch(/member of maskline_writer/);
    expect(output).not.toMatch(/^\s+at /m);
  });

  test("--check reports and ends without receiving anything", async () => {
    await using stack = await openStack();
    await stack.queue.send(stack.queueUrl, ["{}"]);
    const { code } = await startConsumer(stack.env, ["--check"]).exited();
    expect(code).toBe(0);
    expect(await stack.queue.depth(stack.queueUrl)).toMatchObject({ visible: 1, inFlight: 0 });
  });
});
