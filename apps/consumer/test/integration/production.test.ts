/** What a start in production refuses, and what a refused message says of its subject. */
import { createServer } from "node:net";

import { createTokenizer } from "@org/masking";
import { loadKeyring } from "@org/masking/keyring";
import { subjectOf, tagField, tagFields } from "@org/schema";
import { deployed } from "@org/schema/test-contracts";
import { expect, test } from "vitest";

import { messagesOf } from "./contracts.ts";
import { drain, openStack, startConsumer } from "./stack.ts";

test("production starts with nothing exposed that is not allowed by name, and says what is", async () => {
  await using stack = await openStack();
  const production = { ...stack.env, MASKLINE_PROFILE: "production" };
  const refused = await startConsumer(production, ["--check"]).exited();
  expect(refused.code).toBe(2);
  for (const name of ["http_queue", "inline_keys"]) {
    expect(refused.output).toContain(`${name} in MASKLINE_ALLOW`);
  }
  expect((await startConsumer(production).exited()).code).toBe(2);

  const allowed = { ...production, MASKLINE_ALLOW: "http_queue,inline_keys" };
  const checked = await startConsumer(allowed, ["--check"]).exited();
  expect(checked).toMatchObject({ code: 0 });
  for (const output of [checked.output, (await drain(allowed)).output]) {
    expect(output.match(/allowed by MASKLINE_ALLOW/g)).toHaveLength(2);
  }
});

test("a name in MASKLINE_ALLOW that is none ends the start", async () => {
  await using stack = await openStack();
  const { code, output } = await startConsumer({ ...stack.env, MASKLINE_ALLOW: "all" }).exited();
  expect(code).toBe(2);
  expect(output).toContain("MASKLINE_ALLOW is not usable");
});

test("parameters in the server's log are a fault in production", async () => {
  await using stack = await openStack();
  const { name } = stack.database;
  await stack.query(`ALTER DATABASE ${name} SET log_min_duration_statement = 0`);
  const env = {
    ...stack.env,
    MASKLINE_PROFILE: "production",
    MASKLINE_ALLOW: "http_queue,inline_keys",
  };
  const refused = await startConsumer(env, ["--check"]).exited();
  expect(refused.code).toBe(2);
  expect(refused.output).toContain("logged_parameters in MASKLINE_ALLOW");
  await stack.query(`ALTER DATABASE ${name} SET log_parameter_max_length = 0`);
  expect(await startConsumer(env, ["--check"]).exited()).toMatchObject({ code: 0 });
});

test("whoever took the database's port and asks for the password in clear has none", async () => {
  await using stack = await openStack();
  let received = "";
  const fake = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3])));
    socket.on("data", (data) => (received += data.toString("latin1")));
  });
  await new Promise<void>((resolve) => fake.listen(0, "127.0.0.1", resolve));
  const address = fake.address();
  const port = typeof address === "object" ? address?.port : 0;
  const DATABASE_URL = `postgresql://consumer:hunter2-b1c1ab1e@127.0.0.1:${port}/logins`;
  const { code, output } = await startConsumer({ ...stack.env, DATABASE_URL }).exited();
  fake.close();
  expect(code).toBe(2);
  expect(output).toContain("scram-sha-256");
  expect(received).toContain("consumer");
  expect(received + output).not.toContain("hunter2");
});

test.each(deployed)(
  "a refused message of $name carries a tag of its subject, where it says whose it is",
  async (each) => {
    await using stack = await openStack({ served: each });
    const { contract } = each;
    const [sample] = messagesOf(contract, { count: 1, seed: 3 });
    const message = sample?.message ?? {};
    const subject = contract.subject;
    // All its other fields are missing.
    const said = JSON.parse(sample?.body ?? "{}") as Record<string, unknown>;
    const ids = await stack.queue.send(stack.queueUrl, [
      JSON.stringify({ [subject]: said[subject] }),
      "{}",
      "not JSON",
    ]);
    await drain(stack.env);
    const tags = new Map(
      (
        await stack.query<{ message_id: string; subject_tag: string | null }>(
          "SELECT message_id, subject_tag FROM maskline.quarantine",
        )
      ).map((row) => [row.message_id, row.subject_tag]),
    );
    const tokenizer = createTokenizer(await loadKeyring(stack.keyringPath, { env: {} }), {
      tenant: "default",
      fields: tagFields(contract),
    });
    expect(ids.map((id) => tags.get(id))).toEqual([
      tokenizer.tokenize(tagField, subjectOf(contract, message)),
      null,
      null,
    ]);
  },
);
