import { login, sampleMessages } from "@org/schema";
import { describe, expect, test } from "vitest";

import { readOutcomes } from "./outcomes.ts";
import { drain, openStack, startConsumer } from "./stack.ts";

describe("a queue drained once", () => {
  test("ends with one outcome a message: a row for each login, quarantine for the rest", async () => {
    await using stack = await openStack();
    const messages = sampleMessages(login, { count: 400, seed: 11 });
    const ids = await stack.queue.send(
      stack.queueUrl,
      messages.map(({ body }) => body),
    );
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
    await using stack = await openStack();
    const login = {
      user_id: "u",
      app_version: "2.3.0",
      device_type: "ios",
      locale: "RU",
      device_id: "593-47-5928",
    };
    const bodies = ["199.172.111.135", "::ffff:199.172.111.135", "10.0.0.1"].map((ip) =>
      JSON.stringify({ ...login, ip }),
    );
    await stack.queue.send(stack.queueUrl, bodies);
    await drain(stack.env);

    const rows = await stack.query<Record<string, string>>(
      `SELECT count(*)::int AS rows, count(DISTINCT masked_ip)::int AS ips,
              count(DISTINCT masked_device_id)::int AS devices,
              bool_and(masked_ip ~ '^mk1\\.[a-z0-9]{1,16}\\.[A-Za-z0-9_-]{43}$') AS tokens,
              min(app_version) AS app_version, min(app_version_text) AS app_version_text,
              count(vault.record_id)::int AS sealed, count(seed.record_id)::int AS seeds
         FROM user_logins
         LEFT JOIN maskline.vault USING (record_id, create_date)
         LEFT JOIN maskline.seed USING (record_id, create_date)`,
    );
    expect(rows).toEqual([
      {
        rows: 3,
        ips: 2,
        devices: 1,
        tokens: true,
        app_version: 2,
        app_version_text: "2.3.0",
        sealed: 3,
        seeds: 3,
      },
    ]);
    expect(
      await stack.query("SELECT count(DISTINCT id)::int AS keys FROM maskline.batch_key"),
    ).toEqual([{ keys: 1 }]);
  });

  test("without a vault: leaves rejected messages to the redrive policy, and seals nothing", async () => {
    await using stack = await openStack({ vault: false, maxReceiveCount: 2 });
    const messages = sampleMessages(login, { count: 200, seed: 3 });
    await stack.queue.send(
      stack.queueUrl,
      messages.map(({ body }) => body),
    );
    const wrong = messages.filter(({ kind }) => kind === "wrong_shape").length;
    const { output } = await drain(stack.env);

    const outcomes = await readOutcomes(stack);
    expect(outcomes.rows).toHaveLength(200 - wrong);
    expect(outcomes).toMatchObject({ quarantined: [], deadLettered: wrong });
    expect(output).toContain("not_a_login");
    expect(await stack.query("SELECT FROM maskline.vault")).toEqual([]);
  });
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
