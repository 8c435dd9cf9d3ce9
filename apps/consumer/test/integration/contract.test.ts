import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { deployed } from "@org/schema/test-contracts";
import { expect, test } from "vitest";

import { anyServed } from "./contracts.ts";
import { openStack, startConsumer } from "./stack.ts";

test("a consumer whose contract differs from its table does not start, and says where", async () => {
  await using stack = await openStack();
  const { table, columns } = stack.contract;
  const [first, second] = columns.filter(({ isNullable }) => isNullable).map(({ name }) => name);
  await stack.query(`ALTER TABLE ${table} DROP COLUMN ${first}`);
  await stack.query(`ALTER TABLE ${table} ALTER COLUMN ${second} TYPE text`);
  const { code, output } = await startConsumer(stack.env, ["--check"]).exited();
  expect(code).toBe(2);
  expect(output).toContain(`The database is not as contract ${stack.contract.name} says`);
  expect(output).toContain(`column ${first} is gone`);
  expect(output).toContain(`column ${second} is text`);
  expect(output).not.toMatch(/^\s+at /m);
});

test("a consumer does not start on a database that was never migrated to its contract", async () => {
  const other = deployed.find((each) => each !== anyServed);
  await using stack = await openStack();
  const { code, output } = await startConsumer({
    ...stack.env,
    MASKLINE_CONTRACT: other?.reference ?? "",
  }).exited();
  expect(code).toBe(2);
  expect(output).toContain("it was never migrated to this contract");
});

test("a contract that is wrong is told whole, with what to do", async () => {
  const directory = await mkdtemp(join(tmpdir(), "maskline-contract-"));
  const path = join(directory, "wrong.contract.ts");
  await writeFile(
    path,
    `import { defineContract, text } from "@org/schema";
     export const wrong = defineContract({ table: "Wrong", fields: { message_id: text({ max: 8 }) } });`,
  );
  await using stack = await openStack();
  const { code, output } = await startConsumer({
    ...stack.env,
    MASKLINE_CONTRACT: path,
  }).exited();
  await rm(directory, { recursive: true });
  expect(code).toBe(2);
  expect(output).toMatch(/subject/);
  expect(output).toMatch(/message_id/);
  expect(output).toContain("MASKLINE_CONTRACT");
  expect(output).not.toMatch(/^\s+at /m);
});

test.each(deployed)("--help says that it reads $name, and what of it is masked", async (each) => {
  const env = { MASKLINE_CONTRACT: each.reference };
  const { code, output } = await startConsumer(env, ["--help"]).exited();
  expect(code).toBe(0);
  expect(output).toContain(`messages of the contract ${each.name}`);
  for (const { name } of each.contract.fields.filter(({ isMasked }) => isMasked)) {
    expect(output).toContain(name);
  }
});
