import { join } from "node:path";
import { chooseContract } from "@org/local";
import { expect, test } from "vitest";
import { walk } from "../../src/recover/walk.ts";

const orders = join(import.meta.dirname, "../../../../examples/orders.contract.ts");

test.each(["login", orders])(
  "the walk goes its whole way with %s, each command ending as it is told to",
  async (reference) => {
    const said: string[] = [];
    const say = (text: string): void => void said.push(text);
    await walk(await chooseContract(reference), { say, signal: new AbortController().signal });
    const text = said.join("\n");
    expect(text).toContain("(self_approval)");
    expect(text).toContain("First bad row: 1. (edited)");
    expect(said.at(-1)).toContain("tampering found, erasure proved.");
  },
  300_000,
);
