import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestDatabase, nodeEnvironment } from "@org/local";
import { Client } from "pg";
import { describe, expect, inject, it, onTestFinished } from "vitest";

interface Exit {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command with these settings and no other. */
function run(
  command: string,
  environment: Record<string, string>,
  args: string[] = [],
): Promise<Exit> {
  const file = fileURLToPath(new URL(`../../src/command/${command}.ts`, import.meta.url));
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["--conditions=@org/source", file, ...args],
      { env: { ...nodeEnvironment, ...environment } },
      (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

describe.each(["migrate", "maintain"])("%s", (command) => {
  it.each([
    ["nothing is set", {}, ["MIGRATE_DATABASE_URL"]],
    ["the URL is none", { DATABASE_URL: "sentinel" }, ["DATABASE_URL is not usable"]],
    ["it is not Postgres's", { DATABASE_URL: "http://sentinel/" }, ["DATABASE_URL is not usable"]],
    [
      "the PG* set is incomplete and wrong",
      { PGHOST: "sentinel", PGPORT: "sentinel" },
      ["PGDATABASE is not set", "PGUSER is not set", "PGPORT is not usable"],
    ],
  ])(
    "exits 2 where %s, names every fault and shows no stack or value",
    async (_, environment, faults) => {
      const { code, stdout, stderr } = await run(command, environment);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      for (const fault of faults) expect(stderr).toContain(fault);
      expect(stderr).not.toMatch(/sentinel|^\s+at /m);
    },
  );

  it("exits 2 on an argument that it does not know", async () => {
    const { code, stderr } = await run(command, { DATABASE_URL: "postgres://h/d" }, ["--sentinel"]);
    expect(code).toBe(2);
    expect(stderr).not.toContain("sentinel");
  });

  it("exits 1 where the database is away, with no stack or value", async () => {
    const DATABASE_URL = "postgres://sentinel:sentinel@127.0.0.1:1/sentinel";
    const { code, stderr } = await run(command, { DATABASE_URL });
    expect(code).toBe(1);
    expect(stderr).toBe(
      "The connection to the database failed or timed out (ECONNREFUSED).\nCheck host, port and TLS settings in DATABASE_URL.\n",
    );
  });

  it("exits 2 where the password is wrong, and says which variable to check, without a value", async () => {
    const url = new URL(inject("postgresAdminUrl"));
    url.password = "sentinel";
    const { code, stderr } = await run(command, { DATABASE_URL: url.href });
    expect(code).toBe(2);
    expect(stderr).toContain("28P01: wrong user or password.\nCheck DATABASE_URL");
    expect(stderr).not.toContain("sentinel");
  });

  it("goes on where nobody reads what it says, as in `| head`", async () => {
    const file = fileURLToPath(new URL(`../../src/command/${command}.ts`, import.meta.url));
    const child = spawn(process.execPath, ["--conditions=@org/source", file, "--help"], {
      env: nodeEnvironment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const [code] = (await once(child, "close")) as [number];
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it.each(["--help", "-h"])("teaches with %s", async (flag) => {
    const { code, stdout } = await run(command, {}, [flag]);
    expect(code).toBe(0);
    expect(stdout).toContain("Usage: pnpm");
  });
});

describe("against a database", () => {
  it("migrate says what it applied, prefers MIGRATE_DATABASE_URL, and exits 2 with the SQL where rights are missing", async () => {
    await using database = await createTestDatabase(inject("postgresAdminUrl"));
    const MIGRATE_DATABASE_URL = database.adminUrl;
    const DATABASE_URL = await database.createLogin("maskline_writer");
    const plain = await database.createLogin("pg_monitor");
    const denied = await run("migrate", { MIGRATE_DATABASE_URL: plain, DATABASE_URL });
    expect(denied.code).toBe(2);
    expect(denied.stderr).toContain("GRANT maskline_owner TO");
    const first = await run("migrate", { MIGRATE_DATABASE_URL, DATABASE_URL });
    expect(first.stdout).toContain("Applied 0000_tables.\n");
    expect(first.stdout).toContain("Brought user_logins to contract login.\n");
    const second = await run("migrate", { MIGRATE_DATABASE_URL, DATABASE_URL });
    expect(second).toEqual({ code: 0, stdout: "The schema is current.\n", stderr: "" });
  });

  it("migrate takes its contract by name or path, and exits 2 where there is none", async () => {
    await using database = await createTestDatabase(inject("postgresAdminUrl"));
    const environment = {
      MIGRATE_DATABASE_URL: database.adminUrl,
      INIT_CWD: fileURLToPath(new URL("../../../../examples", import.meta.url)),
      MASKLINE_CONTRACT: "./orders.contract.ts",
    };
    expect((await run("migrate", environment)).stdout).toContain(
      "Brought orders to contract orders.\n",
    );
    const unknown = await run("migrate", { ...environment, MASKLINE_CONTRACT: "sentinel.ts" });
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).not.toMatch(/^\s+at /m);
  });

  it("migrate --plan prints SQL that can be run, and changes nothing", async () => {
    await using database = await createTestDatabase(inject("postgresAdminUrl"));
    const environment = { MIGRATE_DATABASE_URL: database.adminUrl };
    const plan = await run("migrate", environment, ["--plan"]);
    expect(plan).toMatchObject({ code: 0, stderr: "" });
    expect(plan.stdout).toContain('CREATE TABLE public."user_logins"');
    expect(plan.stdout).toMatch(/SELECT maskline\.ensure_partitions\(\);\n$/);
    const client = new Client({ connectionString: database.adminUrl });
    await client.connect();
    const made = await client.query("SELECT FROM pg_namespace WHERE nspname = 'maskline'");
    expect(made.rowCount).toBe(0);
    await client.query(plan.stdout);
    await client.end();
    expect((await run("migrate", environment, ["--plan"])).stdout).toBe(
      "-- The schema is current.\n",
    );
  });

  it("migrate exits 2 where it would lose something, and says what to do", async () => {
    await using database = await createTestDatabase(
      inject("postgresAdminUrl"),
      "maskline_template",
    );
    const client = new Client({ connectionString: database.adminUrl });
    await client.connect();
    await client.query("DROP TABLE public.user_logins");
    await client.end();
    const { code, stderr } = await run("migrate", { MIGRATE_DATABASE_URL: database.adminUrl });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        'Nothing was changed.\n  public."user_logins" is gone from the database: restore it from a backup.\n',
    });
  });

  it("migrate gives nobody the SQL that would make the consumer's login, or a person's, an owner", async () => {
    await using database = await createTestDatabase(inject("postgresAdminUrl"));
    for (const role of ["maskline_writer", "maskline_approver"]) {
      const { code, stderr } = await run("migrate", {
        DATABASE_URL: await database.createLogin(role),
      });
      expect(code).toBe(2);
      expect(stderr).toContain(`is in ${role}`);
      expect(stderr).toContain("Set MIGRATE_DATABASE_URL to another login.");
      expect(stderr).not.toContain("GRANT");
    }
  });

  it("both take the PG* variables where no URL is set", async () => {
    await using database = await createTestDatabase(
      inject("postgresAdminUrl"),
      "maskline_template",
    );
    const url = new URL(database.adminUrl);
    const environment = {
      PGHOST: url.hostname,
      PGPORT: url.port,
      PGUSER: url.username,
      PGPASSWORD: url.password,
      PGDATABASE: database.name,
    };
    expect(await run("migrate", environment)).toMatchObject({ code: 0, stderr: "" });
    expect(await run("maintain", environment, ["--keep-months", "24"])).toEqual({
      code: 0,
      stdout:
        "Partitions made: 0\nLedger entries pruned: 0\nQuarantine records expired: 0\nPartitions dropped: 0\nTables of seeds given a new file: 0\n",
      stderr: "",
    });
  });

  it("both leave in MASKLINE_METRICS_FILE how they ended; a plan and an unwritable file change nothing", async () => {
    await using database = await createTestDatabase(
      inject("postgresAdminUrl"),
      "maskline_template",
    );
    const directory = await mkdtemp(join(tmpdir(), "commands-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const MASKLINE_METRICS_FILE = join(directory, "database.prom");
    const environment = { DATABASE_URL: database.adminUrl, MASKLINE_METRICS_FILE };
    await run("migrate", environment, ["--plan"]);
    expect(await readdir(directory)).toEqual([]);

    await run("migrate", environment);
    await run("maintain", environment);
    await run("maintain", { MASKLINE_METRICS_FILE });
    const text = await readFile(MASKLINE_METRICS_FILE, "utf8");
    expect(text).toContain('maskline_run_exit_code{command="migrate"} 0\n');
    expect(text).toContain('maskline_run_exit_code{command="maintain"} 2\n');
    expect(text).toMatch(/^maskline_run_success_timestamp_seconds\{command="maintain"\} \d{10}/m);
    const now = new Date();
    const end = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 13) / 1000;
    expect(text).toContain(`\nmaskline_maintain_partitions_end_timestamp_seconds ${end}\n`);

    const nowhere = { ...environment, MASKLINE_METRICS_FILE: join(directory, "none", "x.prom") };
    expect(await run("migrate", nowhere)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("were not written (ENOENT)"),
    });
  });

  it("maintain refuses a number below what is safe, before it connects", async () => {
    const environment = { DATABASE_URL: "postgres://h/d" };
    const { code, stderr } = await run("maintain", environment, [
      "--keep-months=0",
      "--keep-months=x",
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain("--keep-months takes a whole number of at least 1.");
  });
});
