import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { login } from "@org/schema";
import { expect, it } from "vitest";

import { fieldTable } from "./field-table.ts";

const page = join(import.meta.dirname, "../../../docs/your-own-message.md");
const TABLE = /(?<=<!-- fields of login -->\n\n)[^]*?(?=\n\n<!-- end -->)/;

// After a change of the contract: vitest run packages/schema/test/field-table.test.ts --update
it("stands in the docs as the contract has it", async () => {
  const text = await readFile(page, "utf8");
  expect(text).toMatch(TABLE);
  await expect(text.replace(TABLE, () => fieldTable(login))).toMatchFileSnapshot(page);
});
