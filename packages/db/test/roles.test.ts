import { migrate, roles } from "@org/db";
import { createTestDatabase, type TestDatabase } from "@org/local";
import type { AnyContract } from "@org/schema";
import { testContracts } from "@org/schema/test-contracts";
import { Client, DatabaseError as PgError, type QueryResultRow } from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

const ofContract = ({ table }: AnyContract): [string, readonly string[]][] => [
  [`table public.${table}`, ["maskline_analyst SELECT", "maskline_writer INSERT"]],
  [`table maskline.${table}_YYYY_MM`, []],
  [`table maskline.${table}_default`, []],
];

/**
 * Every object in our schemas, and every right on it that anybody but its owner has. An object that
 * is not listed here, or has one right more or less, fails.
 */
const rights: Readonly<Record<string, readonly string[]>> = {
  "schema maskline": ["maskline_writer USAGE"],

  // Rights are the parent's: nobody addresses a partition.
  ...Object.fromEntries(testContracts.flatMap(ofContract)),
  "table maskline.contract": ["maskline_writer SELECT"],
  "table maskline.erased": [],
  "table maskline.ledger": [
    "maskline_writer INSERT",
    "maskline_writer SELECT (outcome)",
    "maskline_writer SELECT (record_id)",
  ],
  "table maskline.quarantine": ["maskline_writer INSERT"],
  "table maskline.batch_key": ["maskline_writer INSERT"],
  "table maskline.vault": ["maskline_writer INSERT"],
  "table maskline.vault_YYYY_MM": [],
  "table maskline.vault_default": [],
  "table maskline.seed": ["maskline_writer INSERT"],
  "table maskline.seed_YYYY_MM": [],
  "table maskline.seed_default": [],
  "table maskline.schema_version": ["maskline_writer SELECT"],
  "table maskline.maintenance": ["maskline_writer SELECT (ended_at)"],

  "function maskline.accept_restore()": [],
  "function maskline.create_partition(regclass,text)": [],
  "function maskline.drop_old_months(integer)": [],
  "function maskline.end_maintenance()": [],
  "function maskline.ensure_partitions(bigint)": [],
  "function maskline.partitions_around(date,bigint)": [],
  "function maskline.expire_quarantine()": [],
  "function maskline.holds_more(text,date,bigint)": [],
  "function maskline.is_restored()": ["maskline_writer EXECUTE"],
  "function maskline.lock_arrivals(text[])": [],
  "function maskline.lock_maintenance()": [],
  "function maskline.maintain_step(uuid)": ["maskline_writer EXECUTE"],
  "function maskline.missing_partitions(date)": [],
  "function maskline.move_month(text,text,date)": [],
  "function maskline.partitioned_tables()": [],
  "function maskline.prune_ledger(bigint,bigint)": [],
  "function maskline.rewrite_seeds()": [],

  "type maskline.outcome": ["PUBLIC USAGE"],
};

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createTestDatabase(inject("postgresAdminUrl"), "maskline_template");
  for (const contract of testContracts) await migrate(database.adminUrl, { contract });
  client = new Client({ connectionString: database.adminUrl });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database[Symbol.asyncDispose]();
});

async function read<Row extends QueryResultRow>(text: string): Promise<Row[]> {
  const { rows } = await client.query<Row>(text);
  return rows;
}

const objects = `
  WITH object AS (
    SELECT 'schema ' || nspname AS name, nspowner AS owner,
      coalesce(nspacl, acldefault('n', nspowner)) AS acl, '' AS suffix
    FROM pg_namespace WHERE nspname = 'maskline'
    UNION ALL
    SELECT CASE relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || nspname || '.' ||
        regexp_replace(relname, '_\\d{4}_\\d{2}$', '_YYYY_MM'),
      relowner, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)), ''
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname IN ('public', 'maskline') AND relkind NOT IN ('i', 'I', 't')
    UNION ALL
    SELECT 'table ' || nspname || '.' || relname, relowner, attacl, ' (' || attname || ')'
    FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname IN ('public', 'maskline') AND attacl IS NOT NULL
    UNION ALL
    SELECT 'function ' || oid::regprocedure, proowner, coalesce(proacl, acldefault('f', proowner)), ''
    FROM pg_proc WHERE pronamespace IN ('public'::regnamespace, 'maskline'::regnamespace)
    UNION ALL
    SELECT 'type ' || typnamespace::regnamespace || '.' || typname, typowner,
      coalesce(typacl, acldefault('T', typowner)), ''
    FROM pg_type WHERE typnamespace IN ('public'::regnamespace, 'maskline'::regnamespace)
      AND typtype <> 'c' AND typcategory <> 'A'
  )`;

describe("rights", () => {
  it("are the listed ones, on every table, function, type and schema of ours", async () => {
    const rows = await read<{ name: string; rights: string[] }>(`${objects}
      SELECT name, coalesce(array_agg(DISTINCT entry ORDER BY entry) FILTER (WHERE entry IS NOT NULL), '{}') AS rights
      FROM object LEFT JOIN LATERAL (
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END || ' ' || privilege_type || suffix AS entry
        FROM aclexplode(acl) WHERE grantee <> owner
      ) AS granted ON true
      GROUP BY name`);
    expect(Object.fromEntries(rows.map((row) => [row.name, row.rights]))).toEqual(rights);
  });

  it("are never grantable onward, and every object is maskline_owner's", async () => {
    expect(
      await read(
        `${objects} SELECT name FROM object, aclexplode(acl) WHERE is_grantable AND grantee <> owner`,
      ),
    ).toEqual([]);
    expect(
      await read(`${objects} SELECT name FROM object WHERE owner <> 'maskline_owner'::regrole`),
    ).toEqual([]);
  });

  it("to a function that will be made one day are not PUBLIC's from birth", async () => {
    await client.query("SET ROLE maskline_owner");
    await client.query(
      "CREATE FUNCTION maskline.future() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    );
    await client.query("SET ROLE maskline_writer");
    expect(await sqlStateOf("SELECT maskline.future()")).toBe("42501");
    await client.query("RESET ROLE");
    await client.query("DROP FUNCTION maskline.future()");
  });
});

describe("roles", () => {
  it("cannot log in, have no power over the cluster, and are members of nothing", async () => {
    const rows = await read<{ rolname: string }>(`
      SELECT rolname FROM pg_roles WHERE rolname LIKE 'maskline\\_%' AND NOT (
        rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
        OR EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid))`);
    expect(rows.map((row) => row.rolname).toSorted()).toEqual(roles.toSorted());
  });
});

describe("attempts", () => {
  const tables = Object.keys(rights).flatMap((name) =>
    name.startsWith("table ") && !name.includes("YYYY") ? [name.slice("table ".length)] : [],
  );
  /** Each reads or changes nothing, and needs the right that its name says. */
  const operations: Readonly<Record<string, (table: string) => string>> = {
    SELECT: (table) => `SELECT * FROM ${table} LIMIT 0`,
    INSERT: (table) => `INSERT INTO ${table} SELECT (NULL::${table}).* WHERE false`,
    DELETE: (table) => `DELETE FROM ${table} WHERE false`,
    TRUNCATE: (table) => `TRUNCATE ${table}`,
  };

  it.each(roles.filter((role) => role !== "maskline_owner"))(
    "%s may do on each table what the list says, and nothing else",
    async (role) => {
      const expected: string[] = [];
      const allowed: string[] = [];
      for (const table of tables) {
        for (const [right, statement] of Object.entries(operations)) {
          if (rights[`table ${table}`]?.includes(`${role} ${right}`))
            expected.push(`${right} ${table}`);
          await client.query(`SET ROLE ${role}`);
          const sqlState = await sqlStateOf(statement(table));
          await client.query("RESET ROLE");
          if (sqlState !== "42501") allowed.push(`${right} ${table}`);
        }
      }
      expect(allowed).toEqual(expected);
    },
  );

  it.each(testContracts)(
    "an analyst counts equal tokens of $name; a writer cannot see one",
    async (contract) => {
      const { table, columns } = contract;
      for (const { name, from } of columns) {
        if (from.kind !== "token") continue;
        const question = `SELECT ${name}, count(*) FROM public.${table} GROUP BY ${name}`;
        await client.query("SET ROLE maskline_analyst");
        expect(await sqlStateOf(question)).toBeNull();
        await client.query("SET ROLE maskline_writer");
        expect(await sqlStateOf(question)).toBe("42501");
        expect(
          await sqlStateOf(`INSERT INTO public.${table} DEFAULT VALUES RETURNING ${name}`),
        ).toBe("42501");
        await client.query("RESET ROLE");
      }
    },
  );

  it("a writer sees of the ledger what its claim returns, and nothing of what was erased", async () => {
    await client.query("SET ROLE maskline_writer");
    expect(await sqlStateOf("SELECT message_id FROM maskline.ledger")).toBe("42501");
    expect(await sqlStateOf("SELECT record_id, outcome FROM maskline.ledger")).toBeNull();
    expect(await sqlStateOf("SELECT FROM maskline.erased")).toBe("42501");
    await client.query("RESET ROLE");
  });

  it("nobody but the owner takes a lock that maintenance or a migration waits for", async () => {
    // What ACCESS SHARE and no stronger mode allows: neither of the two waits for that.
    const modes = ["ROW EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "ACCESS EXCLUSIVE"];
    for (const role of roles.filter((each) => each !== "maskline_owner")) {
      await client.query(`SET ROLE ${role}`);
      for (const mode of modes) {
        for (const table of ["contract", "schema_version"]) {
          const lock = `BEGIN; LOCK TABLE maskline.${table} IN ${mode} MODE`;
          expect([role, mode, await sqlStateOf(lock)]).toEqual([role, mode, "42501"]);
          await client.query("ROLLBACK");
        }
      }
      await client.query("RESET ROLE");
    }
  });
});

async function sqlStateOf(statement: string): Promise<string | null> {
  try {
    await client.query(statement);
    return null;
  } catch (error) {
    if (error instanceof PgError) return error.code ?? "";
    throw error;
  }
}
