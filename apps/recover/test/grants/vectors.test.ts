/** What docs/recovery-formats.md gives as examples, made by the tool; and the database's part of it. */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { login } from "@org/schema";
import { expect, test } from "vitest";
import { digestOf, isNamedIn } from "@org/recovery";
import { openOffice } from "../office.ts";

const page = new URL("../../../../docs/recovery-formats.md", import.meta.url);

const ids = (count: number): string[] =>
  Array.from(
    { length: count },
    (_, at) => `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`,
  );

test("the digest of a list is the page's, and the database's, in pages as well", async () => {
  const text = await readFile(page, "utf8");
  await using office = await openOffice();
  for (const count of [0, 2, 10_001]) {
    const digest = digestOf(ids(count).toReversed());
    expect(text).toContain(digest);
    const [row] = await office.admin(
      "SELECT encode(recovery.digest_of($1::uuid[]), 'hex') AS digest",
      [ids(count)],
    );
    expect(row).toEqual({ digest });
  }
  expect(digestOf([])).toBe(createHash("sha256").digest("hex"));
});

test("the commitment of a subject is the page's", async () => {
  const text = await readFile(page, "utf8");
  const [, commitment = ""] = /`commitment`: `([0-9a-f]{64})`/.exec(text) ?? [];
  const grant = { selector: { kind: "subject", commitment } } as const;
  const salt = "5a".repeat(32);
  expect(isNamedIn(grant, login, { value: "ada", salt })).toBe(true);
  expect(isNamedIn(grant, login, { value: "bob", salt })).toBe(false);
  expect(isNamedIn(grant, login, { value: "ada", salt: null })).toBe(false);
});
