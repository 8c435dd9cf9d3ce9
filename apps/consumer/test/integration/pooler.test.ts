import { findPgBouncer, keepsPreparedStatements, startPgBouncer } from "@org/faults/pg-bouncer";
import { expect, test } from "vitest";

import { anyServed, samplesOf } from "./contracts.ts";
import { readOutcomes } from "./outcomes.ts";
import { drain, openStack, startConsumer } from "./stack.ts";

const version = await findPgBouncer();
const notInstalled = "PgBouncer is not installed: Debian's package pgbouncer";

/** Fewer connections than the consumer has: they are handed from one transaction, or session, to the next. */
const few = { default_pool_size: "2", max_client_conn: "50" };

test.for([
  { poolMode: "session", settings: { default_pool_size: "6" } },
  { poolMode: "transaction", settings: { ...few, max_prepared_statements: "100" } },
] as const)(
  "through PgBouncer in $poolMode mode each message has one outcome, and the daily work is done",
  async ({ poolMode, settings }, { skip }) => {
    if (version === null) return skip(notInstalled);
    skip(
      poolMode === "transaction" && !keepsPreparedStatements(version),
      `PgBouncer ${version.join(".")} keeps no prepared statements apart; 1.21 does`,
    );
    await using stack = await openStack();
    const url = stack.env["DATABASE_URL"] ?? "";
    await using pooler = await startPgBouncer({ logins: [url], poolMode, settings });
    const bodies = samplesOf(anyServed, { count: 300, seed: 3 }).map(({ body }) => body);
    const ids = await stack.queue.send(stack.queueUrl, [...bodies, "{}", "none"]);
    const { output } = await drain({
      ...stack.env,
      DATABASE_URL: pooler.through(url),
      MASKLINE_BATCH_SIZE: "20",
      MASKLINE_WRITERS: "4",
    });
    const { rows, quarantined, deadLettered } = await readOutcomes(stack);
    expect([...rows, ...quarantined].toSorted()).toEqual(ids.toSorted());
    expect(deadLettered).toBe(0);
    expect(output).toContain("the daily maintenance is done");
  },
);

test("a check refuses PgBouncer in transaction mode that keeps no prepared statements apart, and says what to set", async ({
  skip,
}) => {
  if (version === null) return skip(notInstalled);
  await using stack = await openStack();
  const url = stack.env["DATABASE_URL"] ?? "";
  const settings = keepsPreparedStatements(version) ? { max_prepared_statements: "0" } : {};
  await using pooler = await startPgBouncer({
    logins: [url],
    poolMode: "transaction",
    settings: { ...settings, default_pool_size: "1" },
  });
  const env = { ...stack.env, DATABASE_URL: pooler.through(url) };
  const { code, output } = await startConsumer(env, ["--check"]).exited();
  expect(code).toBe(2);
  expect(output).toContain("set max_prepared_statements above zero, or pool_mode to session");
});
