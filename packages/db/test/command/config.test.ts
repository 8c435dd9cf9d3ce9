import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "../../src/command/config.ts";

const guarded = { NODE_OPTIONS: "--disable-sigusr1" };
const far = "postgresql://owner:secret@db.internal/logins";

test("a database on this machine needs no certificate", () => {
  const url = "postgresql://owner:secret@127.0.0.1/logins";
  expect(readConfig({ MIGRATE_DATABASE_URL: url })).toMatchObject({
    ok: true,
    url,
    sendsWeakPassword: false,
    warnings: [],
  });
});

test("beyond it, a connection that is not verified is refused, or allowed by name and warned of", () => {
  const refused = readConfig({ ...guarded, MIGRATE_DATABASE_URL: far });
  expect(refused).toMatchObject({ ok: false });
  expect(JSON.stringify(refused)).toContain("plain_database in MASKLINE_ALLOW");
  expect(JSON.stringify(refused)).not.toContain("secret");
  const allowed = { ...guarded, MIGRATE_DATABASE_URL: far, MASKLINE_ALLOW: "plain_database" };
  expect(readConfig(allowed)).toMatchObject({
    ok: true,
    warnings: [expect.stringMatching(/^allowed by MASKLINE_ALLOW/)],
  });
  expect(
    readConfig({ ...guarded, MIGRATE_DATABASE_URL: `${far}?sslmode=verify-full` }),
  ).toMatchObject({ ok: true, warnings: [] });
});

test("a certificate's file that cannot be read is a fault, not a crash", () => {
  const url = `${far}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem`;
  expect(readConfig({ ...guarded, MIGRATE_DATABASE_URL: url })).toEqual({
    ok: false,
    faults: ["MIGRATE_DATABASE_URL names a certificate or key that cannot be read."],
  });
});

test("a contract's file that others may write is refused before it runs", async () => {
  const directory = await mkdtemp(join(tmpdir(), "contract-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, "orders.contract.ts");
  await writeFile(file, "");
  const environment = {
    ...guarded,
    MIGRATE_DATABASE_URL: `${far}?sslmode=verify-full`,
    MASKLINE_CONTRACT: "./orders.contract.ts",
    INIT_CWD: directory,
  };
  expect(readConfig(environment)).toMatchObject({ ok: true, warnings: [] });
  await chmod(file, 0o664);
  const refused = readConfig(environment);
  expect(refused).toMatchObject({ ok: false });
  expect(JSON.stringify(refused)).toContain("writable_contract in MASKLINE_ALLOW");
});
