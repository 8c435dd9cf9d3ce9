import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContractError, loadContract, login } from "@org/schema";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { orders } from "../../../examples/orders.contract.ts";

const shop = `
  import { defineContract, masked, subject, text, type Value } from "@org/schema";
  const key: Value = "A";
  export const shop = defineContract({
    table: "shop",
    fields: { id: subject(text({ max: 3, example: key })), mail: masked("email/1") },
  });`;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "contracts-"));
});
afterAll(() => rm(directory, { recursive: true }));

async function load(source: string, file = "shop.contract.ts"): Promise<unknown> {
  await writeFile(join(directory, file), source);
  return loadContract(join(directory, file));
}

describe("loadContract", () => {
  it("finds a shipped contract by its name", async () => {
    expect(await loadContract("login")).toBe(login);
  });

  it("names the shipped ones where a name is none of them", async () => {
    await expect(loadContract("logins")).rejects.toThrow(/No contract has this name: use login/);
  });

  it("loads the module of an example, from the directory that it is given", async () => {
    const loaded = await loadContract(
      "examples/orders.contract.ts",
      join(import.meta.dirname, "../../.."),
    );
    expect(loaded).toEqual(orders);
  });

  it("loads a module in TypeScript from anywhere, which imports @org/schema", async () => {
    expect(await load(shop)).toMatchObject({
      name: "shop",
      subject: "id",
      tokenFields: { mail: "email/1" },
    });
  });

  it("takes a default export, and one contract under two names", async () => {
    expect(await load(`${shop} export default shop;`, "twice.ts")).toMatchObject({ name: "shop" });
  });

  it.each([
    ["none.ts", "export const shop = { table: 'shop' };", /exports no contract/],
    [
      "two.ts",
      `${shop} export const other = defineContract({ table: "other", fields: { id: subject(text({ max: 3 })) } });`,
      /exports several contracts/,
    ],
    ["broken.ts", "export const shop = ;", /cannot be loaded: /],
    ["throwing.ts", "throw new Error('by hand');", /cannot be loaded: Error: by hand/],
  ])("refuses the module %s, and says why", async (file, source, reason) => {
    await expect(load(source, file)).rejects.toThrow(reason);
    await expect(load(source, file)).rejects.toBeInstanceOf(ContractError);
  });

  it("refuses a path where nothing is", async () => {
    await expect(loadContract("./nowhere.contract.ts", directory)).rejects.toThrow(
      /cannot be loaded/,
    );
  });

  it("tells the faults of a contract that no compiler has seen", async () => {
    const source = `
      import { defineContract } from "@org/schema";
      export default defineContract({ table: "vault", fields: { mail: "email" } });`;
    await expect(load(source, "faulty.ts")).rejects.toMatchObject({
      code: "ERR_CONTRACT",
      faults: [
        expect.stringContaining("the service's own"),
        expect.stringContaining("no policy"),
        expect.stringContaining("one subject"),
      ],
    });
  });

  it("holds to the same rules what only looks like a contract", async () => {
    const source = `export const forged = {
      columns: [], definition: { table: "rows", fields: { a: { kind: "text" } } },
    };`;
    await expect(load(source, "forged.ts")).rejects.toMatchObject({ code: "ERR_CONTRACT" });
  });
});
