import { appendFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { createScanner, spellingsOf } from "../src/scan.ts";

const mark = 'ab:é"\\7';
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "maskline-scan-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

const forms: readonly [string, Buffer | string][] = [
  ["raw", mark],
  ["hex", Buffer.from(mark).toString("hex")],
  ["upper-case hex", Buffer.from(mark).toString("hex").toUpperCase()],
  ["JSON", JSON.stringify({ ip: mark })],
  ["JSON in JSON", JSON.stringify({ body: JSON.stringify({ ip: mark }) })],
  ["a URL", `/?ip=${encodeURIComponent(mark)}`],
  ["UTF-16", Buffer.from(mark, "utf16le")],
  ...["", "x", "xy", "xyz"].flatMap((before): [string, string][] => [
    [`base64 behind ${before.length}`, Buffer.from(`${before}${mark}after`).toString("base64")],
    [`base64url behind ${before.length}`, Buffer.from(`${before}${mark}`).toString("base64url")],
  ]),
];

test.each(forms)("finds a mark written as %s, wherever it stands", async (_, form) => {
  const file = join(directory, "log");
  await writeFile(file, Buffer.concat([Buffer.from("before "), Buffer.from(form)]));
  const leaks = await createScanner([Buffer.from(mark)]).scanNew([file]);
  expect(leaks.length).toBeGreaterThan(0);
  expect(leaks[0]).toMatchObject({ file, mark: 0 });
});

test("finds nothing where nothing is, and never repeats a value in what it says", async () => {
  const file = join(directory, "log");
  await writeFile(file, `nothing of ${mark.slice(0, -1)}`);
  expect(await createScanner([Buffer.from(mark)]).scanNew([file])).toEqual([]);
  await writeFile(file, mark);
  const leaks = await createScanner([Buffer.from(mark)]).scanNew([file]);
  expect(JSON.stringify(leaks)).not.toContain(JSON.stringify(mark).slice(1, -1));
});

test("finds a mark that was written in two parts, and tells it once", async () => {
  const file = join(directory, "log");
  const scanner = createScanner([Buffer.from(mark)]);
  await writeFile(file, `half ${mark.slice(0, 3)}`);
  expect(await scanner.scanNew([file])).toEqual([]);
  await appendFile(file, mark.slice(3));
  expect(await scanner.scanNew([file])).toHaveLength(1);
  await appendFile(file, " and no more");
  expect(await scanner.scanNew([file])).toEqual([]);
});

test("finds a mark across the borders at which a large file is read, in any directory below", async () => {
  const below = join(directory, "pg_wal", "archive");
  await mkdir(below, { recursive: true });
  const padding = 4 * 1024 * 1024 - 3;
  await writeFile(join(below, "1"), Buffer.concat([Buffer.alloc(padding), Buffer.from(mark)]));
  const leaks = await createScanner([Buffer.from(mark)]).scanBelow(directory);
  expect(leaks).toEqual([{ file: join(below, "1"), mark: 0, spelling: "raw" }]);
});

test("spells bytes that are no text only as bytes are spelt", () => {
  const names = spellingsOf(Buffer.from([0x20, 0x01, 0x0d, 0xb8, 0xff, 0xfe]), 0).map(
    ({ name }) => name,
  );
  expect(names).toContain("raw");
  expect(names).not.toContain("URL-escaped");
});
