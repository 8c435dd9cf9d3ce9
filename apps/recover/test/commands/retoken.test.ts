import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PrivateKeyringJson } from "@org/masking/keyring";
import { testContracts } from "@org/schema/test-contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Kept, keepOffice } from "../kept.ts";
import { askApproved, type Office, openOffice } from "../office.ts";
import { runRecover } from "../run-recover.ts";
import { type Message, strictFieldOf } from "../samples.ts";

const nil = "00000000-0000-0000-0000-000000000000";
const request = ["retoken", "--from-key", "t1", "--to-key", "t2"];

describe.each(testContracts)("$name", (contract) => {
  let office: Office;
  let kept: Kept;
  let grant: string;
  let message: Message;
  let sealed: string[];
  let unsealed: string[];

  beforeAll(async () => {
    office = await openOffice(contract);
    message = office.sample();
    sealed = await office.write([message]);
    unsealed = await office.write([office.sample()], { vault: false });
    await office.custodian.recover(["keys", "add", "--token"]);
    await office.custodian.recover(["keys", "promote", "t2", "--token"]);
    grant = await askApproved(office, office.custodian, request);
    kept = await keepOffice(office);
  });

  beforeEach(() => kept.restore());

  afterAll(async () => {
    await kept[Symbol.asyncDispose]();
    await office[Symbol.asyncDispose]();
  });

  /** Rows are sealed to r1 alone; from here on the private keyring has r2 instead. */
  async function loseFirstRecipient(): Promise<void> {
    await office.custodian.recover(["keys", "add", "--recipient"]);
    await office.custodian.recover(["keys", "promote", "r2", "--recipient"]);
    const path = join(office.directory, "maskline.private-keyring.json");
    const privateKeyring = JSON.parse(await readFile(path, "utf8")) as PrivateKeyringJson;
    const recipients = privateKeyring.recipients.filter(({ kid }) => kid !== "r1");
    await writeFile(path, JSON.stringify({ ...privateKeyring, recipients }));
  }

  const allColumns = (): string => office.tokenColumns.join(", ");

  /** The keys of each row's tokens, whichever these are. */
  async function keysOf(records: readonly string[]): Promise<unknown[]> {
    const rows = await office.admin(
      `SELECT ${allColumns()} FROM ${office.table} WHERE record_id = ANY ($1)`,
      [records],
    );
    return rows.map((row) => [
      ...new Set(Object.values(row).map((token) => String(token).split(".")[1])),
    ]);
  }

  const retoken = (under = grant, ...argv: string[]) =>
    office.custodian.recover(["retoken", "--grant", under, ...argv]);
  const look = async (record: string) => {
    const terms = ["unmask", "--field", ...office.fields, "--record", record];
    const opening = await askApproved(office, office.requester, terms);
    return office.requester.recover(["unmask", "--grant", opening, "--print"]);
  };

  test("lists rows that it cannot open, leaves them, and the old key stays until that is accepted", async () => {
    const { code, stdout } = await retoken(grant, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      moved: 1,
      tombstoned: 0,
      left: unsealed,
      mismatched: [],
      arrived: 0,
    });
    expect(await keysOf(sealed)).toEqual([["t2"]]);
    expect(await keysOf(unsealed)).toEqual([["t1"]]);
    // Every token and the subject fit what is sealed: exit 0.
    expect((await look(sealed[0] ?? "")).code).toBe(0);

    const disable = (...argv: string[]) =>
      office.custodian.recover(["keys", "disable", "t1", "--token", ...argv]);
    const count = office.tokenColumns.length;
    const refused = await disable();
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain(`${count} stored item(s) still stand under t1`);
    expect((await disable("--accept-left", String(count - 1))).code).toBe(3);
    expect((await disable("--accept-left", String(count))).code).toBe(0);
  });

  test("a row without an optional value is moved as it is", async () => {
    const optional = contract.fields.filter((field) => field.isMasked && field.isOptional);
    const nothing = Object.fromEntries(optional.map(({ name }) => [name, null]));
    await office.custodian.recover(["keys", "promote", "t1", "--token"]);
    const [record = ""] = await office.write([nothing]);
    await office.custodian.recover(["keys", "promote", "t2", "--token"]);
    // It came after the request: it is named and stays, until somebody approves it too.
    expect(JSON.parse((await retoken(grant, "--json")).stdout)).toMatchObject({
      moved: 1,
      arrived: 1,
    });
    expect((await keysOf([record])).flat()).toContain("t1");
    const again = await askApproved(office, office.custodian, request);
    expect(JSON.parse((await retoken(again, "--json")).stdout)).toMatchObject({
      moved: 1,
      mismatched: [],
      arrived: 0,
    });
    expect((await look(record)).code).toBe(0);
  });

  test("tombstones them where the approved request says so", async () => {
    const terms = [...request, "--unopenable", "tombstone"];
    const tombstoning = await askApproved(office, office.custodian, terms);
    const { stdout } = await retoken(tombstoning, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      moved: 1,
      tombstoned: 1,
      left: [],
      mismatched: [],
    });
    const [row = {}] = await office.admin(
      `SELECT ${allColumns()} FROM ${office.table} WHERE record_id = $1`,
      [unsealed[0]],
    );
    expect(new Set(Object.values(row))).toEqual(new Set(["erased"]));
    expect((await office.custodian.recover(["keys", "disable", "t1", "--token"])).code).toBe(0);
  });

  test("with a private keyring that lacks the recipient, changes nothing", async () => {
    const terms = [...request, "--unopenable", "tombstone"];
    const tombstoning = await askApproved(office, office.custodian, terms);
    const other = ["keys", "init", "--keyring", "other.json", "--private-keyring", "wrong.json"];
    await runRecover(other, { INIT_CWD: office.directory });
    const before = await keysOf([...sealed, ...unsealed]);
    const { code, stderr } = await runRecover(["retoken", "--grant", tombstoning], {
      ...office.custodian.env,
      RECOVER_PRIVATE_KEYRING: "wrong.json",
    });
    expect(code).toBe(2);
    expect(stderr).toContain("The private keyring does not open what is sealed to r1");
    expect(await keysOf([...sealed, ...unsealed])).toEqual(before);
  });

  test("a row under a recipient that the private keyring lacks is not taken for one that nobody can open", async () => {
    await loseFirstRecipient();
    const terms = [...request, "--unopenable", "tombstone"];
    const { code } = await retoken(await askApproved(office, office.custodian, terms));
    expect(code).toBe(2);
    expect(await keysOf(sealed)).toEqual([["t1"]]);
  });

  test("a row whose token was swapped is left, and named: nothing launders it", async () => {
    const [victim = ""] = sealed;
    for (const column of office.tokenColumns) {
      const [own] = await office.admin(
        `SELECT ${column} AS token FROM ${office.table} WHERE record_id = $1`,
        [victim],
      );
      await office.admin(
        `UPDATE ${office.table} SET ${column} = (
           SELECT ${column} FROM ${office.table} WHERE record_id = $2) WHERE record_id = $1`,
        [victim, unsealed[0]],
      );
      const under = await askApproved(office, office.custodian, request);
      const { code, stderr } = await retoken(under);
      expect(code).toBe(30);
      expect(stderr).toContain(victim);
      expect(await keysOf(sealed)).toEqual([["t1"]]);
      const back = `UPDATE ${office.table} SET ${column} = $2 WHERE record_id = $1`;
      await office.admin(back, [victim, own?.["token"]]);
    }
  });

  test("a row that was moved to another subject is left, and named", async () => {
    const field = contract.fields.find(({ name }) => name === contract.subject);
    const [victim = ""] = sealed;
    await office.admin(
      `UPDATE ${office.table} SET ${field?.column} = (
         SELECT ${field?.column} FROM ${office.table} WHERE record_id = $2) WHERE record_id = $1`,
      [victim, unsealed[0]],
    );
    const { code, stderr } = await retoken();
    expect(code).toBe(30);
    expect(stderr).toContain(victim);
    expect(await keysOf(sealed)).toEqual([["t1"]]);
  });

  test("an original that takes no token ends nothing: its row is left and named", async () => {
    const { field: strict, refused } = strictFieldOf(contract);
    const other = office.sample();
    await office.custodian.recover(["keys", "promote", "t1", "--token"]);
    const [odd = ""] = await office.write([other]);
    await office.custodian.recover(["keys", "promote", "t2", "--token"]);
    const names = [...office.fields, contract.subject];
    const originals = Object.fromEntries(names.map((name) => [name, String(other[name])]));
    await office.reseal(odd, { ...originals, [strict]: refused });
    const both = await askApproved(office, office.custodian, request);
    const { code, stderr } = await retoken(both);
    expect(code).toBe(30);
    expect(stderr).toContain(odd);
    expect(await keysOf(sealed)).toEqual([["t2"]]);

    const opened = await look(odd);
    expect(opened.code).toBe(30);
    const finding = strict === contract.subject ? "another subject" : "mismatch";
    expect(opened.stdout).toContain(finding);
  });

  test("leaves what somebody else may be able to open", async () => {
    await loseFirstRecipient();
    const { stdout } = await retoken(grant, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      moved: 0,
      left: expect.arrayContaining([...sealed, ...unsealed]) as unknown,
    });
  });

  test("the audit says how many rows were handed out sealed, and how many changed", async () => {
    await retoken();
    const [row] = await office.admin(
      "SELECT detail::jsonb AS detail FROM recovery.audit WHERE action = 'result'",
    );
    expect(row?.["detail"]).toMatchObject({ fetched: true, handed_out: 2, changed: 1 });
  });

  test("a row's tokens, seal and seed change together", async () => {
    const read = `SELECT ${allColumns()}, vault.sealed, seed.seed FROM ${office.table}
      JOIN maskline.vault USING (record_id) JOIN maskline.seed USING (record_id)
      WHERE record_id = $1`;
    const [before] = await office.admin(read, sealed);
    await retoken();
    const [after] = await office.admin(read, sealed);
    for (const column of [...office.tokenColumns, "sealed", "seed"]) {
      expect(after?.[column]).not.toEqual(before?.[column]);
    }
  });

  test("a row that was erased after it was read stays erased", async () => {
    const [work] = await office.custodian.query(
      "SELECT recovery.claim_work($1, 'retoken', NULL, $2) ->> 'claim' AS claim",
      [grant, randomUUID()],
    );
    await office.custodian.query("SELECT recovery.start_fetch($1)", [work?.["claim"]]);
    const [row] = await office.custodian.query("SELECT * FROM recovery.retoken_next($1, $2, 10)", [
      work?.["claim"],
      nil,
    ]);
    const terms = ["erase", "--record", ...sealed];
    const erasing = await askApproved(office, office.custodian, terms);
    await office.custodian.recover(["erase", "--grant", erasing]);
    const fields = Object.keys(row?.["tokens"] as object);
    const fresh = {
      record_id: row?.["record_id"],
      create_date: row?.["create_date"],
      old_seed: `\\x${Buffer.from(row?.["seed"] as Uint8Array).toString("hex")}`,
      tokens: Object.fromEntries(fields.map((field) => [field, `mk1.t2.${"A".repeat(43)}`])),
      sealed: "\\x01",
      seed: `\\x${"02".repeat(32)}`,
    };
    const [stored] = await office.custodian.query(
      "SELECT recovery.retoken_store($1, $2) AS changed",
      [work?.["claim"], JSON.stringify([fresh])],
    );
    expect(stored).toEqual({ changed: 0 });
    const [left = {}] = await office.admin(
      `SELECT ${allColumns()} FROM ${office.table} WHERE record_id = $1`,
      sealed,
    );
    expect(new Set(Object.values(left))).toEqual(new Set(["erased"]));
  });

  test("the keyring's primary key must be the approved one", async () => {
    await office.custodian.recover(["keys", "add", "--token"]);
    await office.custodian.recover(["keys", "promote", "t3", "--token"]);
    const { code, stderr } = await retoken();
    expect(code).toBe(2);
    expect(stderr).toContain("The grant is for token key t2");
  });

  test("keys list and status show kids, states and uses, and no key", async () => {
    const list = await office.custodian.recover(["keys", "list", "--json"]);
    expect(JSON.parse(list.stdout)).toEqual([
      { kind: "token", kid: "t1", state: "match_only" },
      { kind: "token", kid: "t2", state: "primary" },
      { kind: "recipient", kid: "r1", state: "primary" },
    ]);
    const status = await office.auditor.recover(["keys", "status", "--json"]);
    const uses = String(2 * office.tokenColumns.length);
    expect(JSON.parse(status.stdout)).toEqual([
      { kind: "token", kid: "t1", state: "match_only", contract: contract.name, uses },
      { kind: "token", kid: "t2", state: "primary", contract: "*", uses: "0" },
      { kind: "recipient", kid: "r1", state: "primary", contract: "*", uses: "1" },
    ]);
    expect((await office.requester.recover(["keys", "status"])).code).toBe(3);
  });

  test("a primary or an unknown key is not disabled", async () => {
    expect((await office.custodian.recover(["keys", "disable", "t2", "--token"])).code).toBe(2);
    expect((await office.custodian.recover(["keys", "disable", "t9", "--token"])).code).toBe(4);
    expect((await office.custodian.recover(["keys", "promote", "t9", "--token"])).code).toBe(4);
  });
});
