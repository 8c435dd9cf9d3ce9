import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PrivateKeyringJson } from "@org/masking/keyring";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askApproved, type Office, openOffice } from "../office.ts";
import { runRecover } from "../run-recover.ts";

let office: Office;
let grant: string;
let sealed: string[];
let unsealed: string[];

beforeEach(async () => {
  office = await openOffice();
  sealed = await office.write([{ ip: "192.0.2.1", deviceId: "d-1" }]);
  unsealed = await office.write([{ ip: "192.0.2.2", deviceId: "d-2" }], { vault: false });
  await office.custodian.recover(["keys", "add", "--token"]);
  await office.custodian.recover(["keys", "promote", "t2", "--token"]);
  grant = await askApproved(office, office.custodian, request);
});

const request = ["retoken", "--from-key", "t1", "--to-key", "t2"];

afterEach(() => office[Symbol.asyncDispose]());

/** Rows are sealed to r1 alone; from here on the private keyring has r2 instead. */
async function loseFirstRecipient(): Promise<void> {
  await office.custodian.recover(["keys", "add", "--recipient"]);
  await office.custodian.recover(["keys", "promote", "r2", "--recipient"]);
  const path = join(office.directory, "maskline.private-keyring.json");
  const privateKeyring = JSON.parse(await readFile(path, "utf8")) as PrivateKeyringJson;
  const recipients = privateKeyring.recipients.filter(({ kid }) => kid !== "r1");
  await writeFile(path, JSON.stringify({ ...privateKeyring, recipients }));
}

const tokensOf = async (records: readonly string[]): Promise<unknown> => {
  const rows = await office.admin(
    `SELECT split_part(masked_ip, '.', 2) AS ip, split_part(masked_device_id, '.', 2) AS device_id
     FROM public.user_logins WHERE record_id = ANY ($1)`,
    [records],
  );
  return rows;
};

test("lists rows that it cannot open, leaves them, and the old key stays until that is accepted", async () => {
  const { code, stdout } = await office.custodian.recover(["retoken", "--grant", grant, "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    moved: 1,
    tombstoned: 0,
    left: unsealed,
    mismatched: [],
  });
  expect(await tokensOf(sealed)).toEqual([{ ip: "t2", device_id: "t2" }]);
  expect(await tokensOf(unsealed)).toEqual([{ ip: "t1", device_id: "t1" }]);

  const disable = (...argv: string[]) =>
    office.custodian.recover(["keys", "disable", "t1", "--token", ...argv]);
  const refused = await disable();
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain("2 stored item(s) still stand under t1");
  expect((await disable("--accept-left", "1")).code).toBe(3);
  expect((await disable("--accept-left", "2")).code).toBe(0);
});

test("tombstones them where the approved request says so", async () => {
  const tombstoning = await askApproved(office, office.custodian, [
    ...request,
    "--unopenable",
    "tombstone",
  ]);
  const { stdout } = await office.custodian.recover(["retoken", "--grant", tombstoning, "--json"]);
  expect(JSON.parse(stdout)).toEqual({ moved: 1, tombstoned: 1, left: [], mismatched: [] });
  const rows = await office.admin("SELECT masked_ip FROM public.user_logins WHERE record_id = $1", [
    unsealed[0],
  ]);
  expect(rows).toEqual([{ masked_ip: "erased" }]);
  expect((await office.custodian.recover(["keys", "disable", "t1", "--token"])).code).toBe(0);
});

test("with a private keyring that lacks the recipient, changes nothing", async () => {
  const tombstoning = await askApproved(office, office.custodian, [
    ...request,
    "--unopenable",
    "tombstone",
  ]);
  await runRecover(["keys", "init", "--keyring", "other.json", "--private-keyring", "wrong.json"], {
    INIT_CWD: office.directory,
  });
  const before = await tokensOf([...sealed, ...unsealed]);
  const { code, stderr } = await runRecover(["retoken", "--grant", tombstoning], {
    ...office.custodian.env,
    RECOVER_PRIVATE_KEYRING: "wrong.json",
  });
  expect(code).toBe(2);
  expect(stderr).toContain("The private keyring does not open what is sealed to r1");
  expect(await tokensOf([...sealed, ...unsealed])).toEqual(before);
});

test("a row under a recipient that the private keyring lacks is not taken for one that nobody can open", async () => {
  await loseFirstRecipient();
  const tombstoning = await askApproved(office, office.custodian, [
    ...request,
    "--unopenable",
    "tombstone",
  ]);
  const { code } = await office.custodian.recover(["retoken", "--grant", tombstoning]);
  expect(code).toBe(2);
  expect(await tokensOf(sealed)).toEqual([{ ip: "t1", device_id: "t1" }]);
});

test("a row whose tokens were swapped is left, and named: nothing launders it", async () => {
  const [victim = ""] = sealed;
  await office.admin(
    `UPDATE public.user_logins SET masked_ip = (
       SELECT masked_ip FROM public.user_logins WHERE record_id = $2) WHERE record_id = $1`,
    [victim, unsealed[0]],
  );
  const { code, stderr } = await office.custodian.recover(["retoken", "--grant", grant]);
  expect(code).toBe(30);
  expect(stderr).toContain(victim);
  expect(await tokensOf(sealed)).toEqual([{ ip: "t1", device_id: "t1" }]);
});

test("an original that takes no token ends nothing: its row is left and named", async () => {
  const [odd = ""] = await office.write([{ ip: "192.0.2.3", deviceId: "d-3" }]);
  await office.admin(
    "UPDATE public.user_logins SET masked_ip = replace(masked_ip, 'mk1.t2.', 'mk1.t1.') WHERE record_id = $1",
    [odd],
  );
  await office.reseal(odd, { ip: "no address", device_id: "d-3" });
  const { code, stderr } = await office.custodian.recover(["retoken", "--grant", grant]);
  expect(code).toBe(30);
  expect(stderr).toContain(odd);
  expect(await tokensOf(sealed)).toEqual([{ ip: "t2", device_id: "t2" }]);

  const look = ["unmask", "--field", "ip", "--record", odd];
  const opening = await askApproved(office, office.requester, look);
  const opened = await office.requester.recover(["unmask", "--grant", opening, "--print"]);
  expect(opened.code).toBe(30);
  expect(opened.stdout).toContain("no address");
});

test("leaves what somebody else may be able to open", async () => {
  await loseFirstRecipient();
  const { stdout } = await office.custodian.recover(["retoken", "--grant", grant, "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({
    moved: 0,
    left: expect.arrayContaining([...sealed, ...unsealed]) as unknown,
  });
});

test("the audit says how many rows were handed out sealed, and how many changed", async () => {
  await office.custodian.recover(["retoken", "--grant", grant]);
  const [row] = await office.admin(
    "SELECT detail::jsonb AS detail FROM recovery.audit WHERE action = 'result'",
  );
  expect(row?.["detail"]).toMatchObject({ fetched: true, handed_out: 2, changed: 1 });
});

test("a row's token, seal and seed change together", async () => {
  const read = `SELECT masked_ip, vault.sealed, seed.seed FROM public.user_logins
    JOIN maskline.vault USING (record_id) JOIN maskline.seed USING (record_id) WHERE record_id = $1`;
  const [before] = await office.admin(read, sealed);
  await office.custodian.recover(["retoken", "--grant", grant]);
  const [after] = await office.admin(read, sealed);
  for (const column of ["masked_ip", "sealed", "seed"]) {
    expect(after?.[column]).not.toEqual(before?.[column]);
  }
});

test("a row that was erased after it was read stays erased", async () => {
  const [work] = await office.custodian.query(
    "SELECT recovery.claim_work($1, 'retoken', NULL) ->> 'claim' AS claim",
    [grant],
  );
  const [row] = await office.custodian.query(
    "SELECT * FROM recovery.retoken_next($1, '00000000-0000-0000-0000-000000000000', 10)",
    [work?.["claim"]],
  );
  const eraseGrant = await askApproved(office, office.custodian, ["erase", "--record", ...sealed]);
  await office.custodian.recover(["erase", "--grant", eraseGrant]);
  const [stored] = await office.custodian.query(
    `SELECT recovery.retoken_store($1, gen_random_uuid(), '{r1}', ARRAY['\\x00'::bytea], ARRAY[$2::uuid],
       ARRAY[$3::text], ARRAY[$4::bytea], '{mk1.t2.x}', '{mk1.t2.y}', ARRAY['\\x01'::bytea], ARRAY['\\x02'::bytea]) AS changed`,
    [work?.["claim"], row?.["record_id"], row?.["create_date"], row?.["seed"]],
  );
  expect(stored).toEqual({ changed: 0 });
  const rows = await office.admin(
    "SELECT masked_ip FROM public.user_logins WHERE record_id = $1",
    sealed,
  );
  expect(rows).toEqual([{ masked_ip: "erased" }]);
});

test("the keyring's primary key must be the approved one", async () => {
  await office.custodian.recover(["keys", "add", "--token"]);
  await office.custodian.recover(["keys", "promote", "t3", "--token"]);
  const { code, stderr } = await office.custodian.recover(["retoken", "--grant", grant]);
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
  expect(JSON.parse(status.stdout)).toEqual([
    { kind: "token", kid: "t1", state: "match_only", uses: "4" },
    { kind: "token", kid: "t2", state: "primary", uses: "0" },
    { kind: "recipient", kid: "r1", state: "primary", uses: "1" },
  ]);
  expect((await office.requester.recover(["keys", "status"])).code).toBe(3);
});

test("a primary or an unknown key is not disabled", async () => {
  expect((await office.custodian.recover(["keys", "disable", "t2", "--token"])).code).toBe(2);
  expect((await office.custodian.recover(["keys", "disable", "t9", "--token"])).code).toBe(4);
  expect((await office.custodian.recover(["keys", "promote", "t9", "--token"])).code).toBe(4);
});
