import { createTestDatabase } from "@org/local";
import { Client } from "pg";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let admin: Client;

beforeAll(async () => {
  database = await createTestDatabase(inject("postgresAdminUrl"), "maskline_template");
  admin = new Client({ connectionString: database.adminUrl });
  await admin.connect();
});

afterAll(async () => {
  await admin.end();
  await database[Symbol.asyncDispose]();
});

/** Every object of our schemas with every right that anyone but the owner has on it. */
const rights = `
WITH ours AS (
  SELECT * FROM pg_namespace WHERE nspname IN ('maskline', 'recovery')
), granted AS (
  SELECT 'schema ' || nspname AS object, acl.*
  FROM ours, aclexplode(nspacl) AS acl
  UNION ALL
  SELECT 'table ' || oid::regclass, acl.*
  FROM pg_class, aclexplode(relacl) AS acl
  WHERE relnamespace IN (SELECT oid FROM ours) OR oid IN (SELECT format('public.%I', table_name)::regclass FROM maskline.contract)
  UNION ALL
  SELECT format('column %s.%s', attrelid::regclass, attname), acl.*
  FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid, aclexplode(attacl) AS acl
  WHERE relnamespace IN (SELECT oid FROM ours)
  UNION ALL
  SELECT 'function ' || pg_proc.oid::regprocedure, acl.*
  FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
  WHERE pronamespace IN (SELECT oid FROM ours)
), objects AS (
  SELECT DISTINCT object FROM granted
  UNION
  -- Without an entry in its list a table is its owner's alone. Partitions are named by month.
  SELECT 'table ' || oid::regclass FROM pg_class
  WHERE relnamespace IN (SELECT oid FROM ours) AND relkind IN ('r', 'p', 'v', 'm', 'S')
    AND NOT relispartition
)
SELECT line
FROM objects LEFT JOIN granted
    ON granted.object = objects.object AND grantee <> 'maskline_owner'::regrole,
  coalesce(
    CASE WHEN granted.object IS NOT NULL THEN format('%s: %s to %s', granted.object, privilege_type,
      CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END) END,
    format('%s: the owner alone', objects.object)) AS line
ORDER BY line COLLATE "C"`;

test("nobody has a right that is not in rights.txt", async () => {
  const { rows } = await admin.query<{ line: string }>(rights);
  await expect(rows.map(({ line }) => `${line}\n`).join("")).toMatchFileSnapshot("rights.txt");
});

test("everything belongs to maskline_owner, who cannot log in", async () => {
  const { rows } = await admin.query(`
    SELECT oid::regclass::text AS object FROM pg_class
    WHERE relnamespace IN ('maskline'::regnamespace, 'recovery'::regnamespace)
      AND relowner <> 'maskline_owner'::regrole
    UNION ALL
    SELECT oid::regprocedure::text FROM pg_proc
    WHERE pronamespace IN ('maskline'::regnamespace, 'recovery'::regnamespace)
      AND proowner <> 'maskline_owner'::regrole
    UNION ALL
    SELECT rolname FROM pg_roles
    WHERE rolname LIKE 'maskline\\_%' AND (rolcanlogin OR rolsuper OR rolbypassrls)`);
  expect(rows).toEqual([]);
});

test("every function pins its search_path", async () => {
  const { rows } = await admin.query(`
    SELECT oid::regprocedure::text AS function FROM pg_proc
    WHERE pronamespace IN ('maskline'::regnamespace, 'recovery'::regnamespace)
      AND ('search_path=pg_catalog, pg_temp' = ANY (proconfig)) IS NOT TRUE`);
  expect(rows).toEqual([]);
});

test("whoever may call a function of recovery calls it as its owner", async () => {
  const { rows } = await admin.query(`
    SELECT DISTINCT pg_proc.oid::regprocedure::text AS function
    FROM pg_proc, aclexplode(proacl) AS acl
    WHERE pronamespace = 'recovery'::regnamespace
      AND acl.grantee <> proowner AND NOT prosecdef`);
  expect(rows).toEqual([]);
});

test("whatever runs as the owner shows no caller its values, and reads its own texts in one way", async () => {
  const { rows } = await admin.query(`
    SELECT pg_proc.oid::regprocedure::text AS function FROM pg_proc
    WHERE pronamespace IN ('maskline'::regnamespace, 'recovery'::regnamespace) AND prosecdef
      AND NOT proconfig @> '{client_min_messages=warning,debug_print_parse=off,debug_print_rewritten=off,debug_print_plan=off,standard_conforming_strings=on}'`);
  expect(rows).toEqual([]);
});
