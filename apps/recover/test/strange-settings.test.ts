/** The whole flow in a database whose every default is the strangest that PostgreSQL takes. */

import { maintain, migrate } from "@org/db";
import type { AnyContract } from "@org/schema";
import { testContracts } from "@org/schema/test-contracts";
import { afterEach, expect, test } from "vitest";
import { askApproved, type Office, openOffice } from "./office.ts";
import { bodyOf, type Message } from "./samples.ts";

/** What is not a switch, or is one whose strangest value is not the other one. */
const strange: Readonly<Record<string, string>> = {
  // What texts look like, and what they mean.
  datestyle: "German, DMY",
  intervalstyle: "sql_standard",
  timezone: "Asia/Kathmandu",
  timezone_abbreviations: "Australia",
  bytea_output: "escape",
  client_encoding: "LATIN1",
  standard_conforming_strings: "off",
  backslash_quote: "off",
  escape_string_warning: "on",
  extra_float_digits: "-15",
  quote_all_identifiers: "on",
  xmlbinary: "hex",
  xmloption: "document",
  array_nulls: "off",
  transform_null_equals: "on",
  // What names mean, and who may.
  search_path: '"$user"',
  row_security: "off",
  restrict_nonsystem_relation_kind: "view,foreign-table",
  session_replication_role: "replica",
  check_function_bodies: "off",
  "plpgsql.variable_conflict": "use_variable",
  "plpgsql.check_asserts": "off",
  createrole_self_grant: "set, inherit",
  // What a transaction is.
  default_transaction_isolation: "serializable",
  default_transaction_deferrable: "on",
  exit_on_error: "on",
  synchronous_commit: "off",
  statement_timeout: "2s",
  lock_timeout: "2s",
  idle_in_transaction_session_timeout: "2s",
  transaction_timeout: "2s",
  // How a statement is planned and run.
  plan_cache_mode: "force_generic_plan",
  enable_seqscan: "off",
  enable_indexscan: "off",
  enable_hashjoin: "off",
  enable_nestloop: "off",
  enable_partition_pruning: "off",
  constraint_exclusion: "off",
  from_collapse_limit: "1",
  join_collapse_limit: "1",
  geqo_threshold: "2",
  jit: "on",
  jit_above_cost: "0",
  debug_parallel_query: "regress",
  parallel_setup_cost: "0",
  min_parallel_table_scan_size: "0",
  work_mem: "64kB",
  default_statistics_target: "1",
  // What is said, and to whom.
  client_min_messages: "debug1",
  log_parameter_max_length: "0",
  log_statement: "all",
  track_activities: "off",
  stats_fetch_consistency: "snapshot",
};

/** By one of the system's own locales that is not C, where it has one. */
const localized = ["lc_messages", "lc_monetary", "lc_numeric", "lc_time"];

async function findLocale(): Promise<string> {
  const [locale] = await office.admin(
    "SELECT collcollate AS name FROM pg_collation WHERE collprovider = 'c' ORDER BY collcollate !~* '^C' DESC, 1 DESC LIMIT 1",
  );
  return String(locale?.["name"]);
}

/** A place of its own, as an administrator gives the owner one. */
async function makeTablespace(): Promise<string> {
  const name = "strange";
  const [known] = await office.admin("SELECT FROM pg_tablespace WHERE spcname = $1", [name]);
  if (known === undefined) {
    await office.admin("SET allow_in_place_tablespaces = on");
    await office.admin(`CREATE TABLESPACE ${name} LOCATION ''`);
    await office.admin(`GRANT CREATE ON TABLESPACE ${name} TO maskline_owner`);
  }
  return name;
}

/** Whoever sets it means us too: a database that takes no writes has no flow. */
const meant = new Set(["default_transaction_read_only"]);

/**
 * Each switch that any session may be given the other way round, and of each list of words the one that is
 * farthest from the default; but for what is told to whom, and for the server's own developers.
 */
async function findSwitches(): Promise<ReadonlyMap<string, string>> {
  const switches = await office.admin(`
    SELECT lower(name) AS name, CASE vartype
        WHEN 'bool' THEN CASE boot_val WHEN 'on' THEN 'off' ELSE 'on' END
        ELSE (SELECT word FROM unnest(enumvals) WITH ORDINALITY AS words (word, place)
          WHERE word <> boot_val ORDER BY place DESC LIMIT 1) END AS value
    FROM pg_settings
    WHERE context IN ('user', 'superuser') AND vartype IN ('bool', 'enum')
      -- Those of one transaction have their defaults beside them.
      AND name !~ '^transaction_(isolation|read_only|deferrable)$'
      AND category !~ '^(Reporting and Logging|Statistics|Developer|Connections and Authentication)'`);
  return new Map(
    switches
      .map((row) => [String(row["name"]), String(row["value"])] as const)
      // A list of one word has no other.
      .filter(([name, value]) => !meant.has(name) && value !== "null"),
  );
}

let office: Office;

afterEach(() => office[Symbol.asyncDispose]());

async function setStrange(): Promise<void> {
  const [database] = await office.admin("SELECT current_database() AS name");
  const name = String(database?.["name"]);
  const known = await office.admin("SELECT name FROM pg_settings");
  const names = new Set(known.map((row) => String(row["name"]).toLowerCase()));
  const switches = await findSwitches();
  expect(switches.size).toBeGreaterThan(30);
  const locale = await findLocale();
  const found = localized.map((setting) => [setting, locale] as const);
  const wanted = [...switches, ...Object.entries(strange), ...found];
  for (const [setting, value] of new Map([
    ...wanted,
    ["default_tablespace", await makeTablespace()],
  ])) {
    // Of a later version, or of a library that is not loaded yet.
    if (!names.has(setting) && !setting.includes(".")) continue;
    const quoted = setting === "search_path" ? value : `'${value}'`;
    await office.admin(`ALTER DATABASE ${name} SET ${setting} = ${quoted}`);
  }
  // Those that are open have the defaults of before.
  await office.admin(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
    [name],
  );
}

/** Texts that no other encoding has as these bytes. */
const farText = "Grüße 手机 🙂";

function plainTexts({ fields, subject }: AnyContract) {
  return fields.filter(
    ({ name, kind, isMasked }) => kind === "text" && !isMasked && name !== subject,
  );
}

const farTexts = (contract: AnyContract): Partial<Message> =>
  Object.fromEntries(
    plainTexts(contract).map(({ name, max }) => [
      name,
      Array.from(farText)
        .slice(0, max ?? undefined)
        .join(""),
    ]),
  );

test.each(testContracts)(
  "$name: written, refused, opened, found, retried, rotated, erased and audited",
  async (contract) => {
    office = await openOffice(contract);
    await setStrange();
    await migrate(office.adminUrl, { contract });
    const month = new Date().toISOString().slice(0, 7).replace("-", "_");
    await office.admin(`DROP TABLE maskline.seed_${month}, maskline.vault_${month}`);
    await maintain(office.adminUrl, {});
    // Where the database says that new tables go.
    const [placed] = await office.admin(
      "SELECT count(*)::integer AS tables FROM pg_class JOIN pg_tablespace ON pg_tablespace.oid = reltablespace WHERE spcname = 'strange' AND relkind = 'r'",
    );
    expect(placed).toEqual({ tables: 2 });

    const message = office.sample(farTexts(contract));
    const [record = ""] = await office.write([message, office.sample()]);
    const [body = "", refused = ""] = await office.quarantine([bodyOf(office.sample()), "{}"]);

    const { requester, custodian, auditor } = office;
    const approved = (person: typeof requester, ...argv: string[]) =>
      askApproved(office, person, argv);
    const done = async (person: typeof requester, argv: string[], stdin?: string) => {
      const { code, stdout, stderr } = await person.recover(argv, stdin);
      expect({ argv, code }, stderr).toEqual({ argv, code: 0 });
      return stdout;
    };

    const unmask = await approved(requester, "unmask", "--field", office.field, "--record", record);
    const opened = await done(requester, [
      "unmask",
      "--grant",
      unmask,
      "--print",
      "--format",
      "jsonl",
    ]);
    expect(JSON.parse(opened)).toMatchObject({ [office.field]: message[office.field] });

    const [stored = {}] = await office.admin(`SELECT * FROM ${office.table} WHERE record_id = $1`, [
      record,
    ]);
    for (const { name, column } of plainTexts(contract)) {
      expect(stored[column]).toBe(message[name]);
    }

    const sought = String(message[office.field]);
    const lookup = await askApproved(
      office,
      requester,
      ["lookup", "--field", office.field],
      sought,
    );
    const found = await done(
      requester,
      ["lookup", "--grant", lookup, "--field", office.field, "--json"],
      `${sought}\n`,
    );
    expect(found).toContain(record);

    const retry = await approved(custodian, "retry", "--quarantined", body);
    await done(custodian, ["quarantine", "retry", "--grant", retry, "--json"]);
    const [row] = await office.admin(`SELECT * FROM ${office.table} WHERE record_id = $1`, [body]);
    expect(row).toBeDefined();

    await done(custodian, ["keys", "add", "--token"]);
    await done(custodian, ["keys", "promote", "t2", "--token"]);
    const retoken = await approved(custodian, "retoken", "--from-key", "t1", "--to-key", "t2");
    const moved = await done(custodian, ["retoken", "--grant", retoken, "--json"]);
    expect(JSON.parse(moved)).toMatchObject({ moved: 3 });

    const { subject } = contract;
    const value = String(message[subject]);
    const erase = await approved(custodian, "erase", "--subject", value);
    const erased = await done(custodian, ["erase", "--grant", erase, "--subject", value, "--json"]);
    expect(JSON.parse(erased)).toMatchObject({ records: 1, seeds: 1 });
    const verified = await done(auditor, ["erasure", "verify", "--record", record, "--json"]);
    expect(JSON.parse(verified)).toMatchObject({ record, isBack: false });

    const audit = await done(auditor, ["audit", "verify", "--json"]);
    expect(JSON.parse(audit)).toMatchObject({ sound: true });
    const left = await office.admin("SELECT record_id FROM maskline.quarantine");
    expect(left).toEqual([{ record_id: refused }]);
  },
);
