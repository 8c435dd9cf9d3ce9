import { join } from "node:path";
import { copyFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { signCheckpoint } from "../../src/audit/checkpoint.ts";
import { loadSigningKey } from "../../src/signing.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askApproved, type Office, openOffice } from "../office.ts";
import { runRecover } from "../run-recover.ts";

let office: Office;

/** Two looks, so that there is something to hide. */
beforeEach(async () => {
  office = await openOffice();
  const records = await office.write([
    { ip: "192.0.2.10", deviceId: "d-10" },
    { ip: "192.0.2.11", deviceId: "d-11" },
  ]);
  for (const record of records) await look(record);
});

afterEach(() => office[Symbol.asyncDispose]());

async function look(record: string): Promise<void> {
  const grant = await askApproved(office, office.requester, [
    "unmask",
    "--field",
    "ip",
    "--record",
    record,
  ]);
  const { code } = await office.requester.recover(["unmask", "--grant", grant, "--print"]);
  expect(code).toBe(0);
}

async function verify(...argv: string[]): Promise<{ code: number; found: unknown; said: string }> {
  const { code, stdout, stderr } = await office.auditor.recover([
    "audit",
    "verify",
    "--json",
    ...argv,
  ]);
  const { sound, kind, seq } = JSON.parse(stdout) as Record<string, unknown>;
  return { code, found: sound === true ? "sound" : { kind, seq }, said: stderr };
}

/** What a superuser can do who knows how rows are hashed: makes the chain consistent again. */
const rehash = `
  DO $$
  DECLARE
    v_row recovery.audit;
    v_previous bytea := decode(repeat('00', 32), 'hex');
    v_seq bigint := 0;
  BEGIN
    FOR v_row IN SELECT * FROM recovery.audit ORDER BY seq LOOP
      v_seq := v_seq + 1;
      UPDATE recovery.audit SET seq = v_seq, previous_hash = v_previous, hash = sha256(
        recovery.length_prefixed(
          recovery.utf8('mk1/audit'), recovery.utf8(v_seq::text),
          recovery.utf8((extract(epoch FROM v_row.at) * 1000000)::bigint::text),
          recovery.utf8(v_row.actor), recovery.utf8(v_row.action), recovery.utf8(v_row.grant_id::text),
          recovery.utf8(v_row.claim_id::text), recovery.utf8(v_row.detail), v_previous))
      WHERE seq = v_row.seq RETURNING hash INTO v_previous;
    END LOOP;
    UPDATE recovery.audit_head SET seq = v_seq, hash = v_previous;
  END $$`;

test("a chain that nobody touched is whole", async () => {
  expect(await verify()).toEqual({ code: 0, found: "sound", said: "" });
});

test("an edited row is found", async () => {
  await office.admin("UPDATE recovery.audit SET actor = 'nobody' WHERE seq = 3");
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "edited", seq: 3 } });
});

test("an edited row whose own hash was made again is found at the next", async () => {
  await office.admin(`
    UPDATE recovery.audit SET actor = 'nobody', hash = sha256(recovery.length_prefixed(
      recovery.utf8('mk1/audit'), recovery.utf8(seq::text),
      recovery.utf8((extract(epoch FROM at) * 1000000)::bigint::text), recovery.utf8('nobody'),
      recovery.utf8(action), recovery.utf8(grant_id::text), recovery.utf8(claim_id::text),
      recovery.utf8(detail), previous_hash)) WHERE seq = 1`);
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "reordered", seq: 2 } });
});

test("a deleted row is found", async () => {
  await office.admin("DELETE FROM recovery.audit WHERE seq = 4");
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "gap", seq: 4 } });
});

test("rows in another order are found", async () => {
  await office.admin("UPDATE recovery.audit SET seq = -seq WHERE seq IN (2, 3)");
  await office.admin(
    "UPDATE recovery.audit SET seq = CASE seq WHEN -2 THEN 3 ELSE 2 END WHERE seq < 0",
  );
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "reordered", seq: 2 } });
});

test("the newest look removed, and the chain made whole again, is found", async () => {
  await office.admin(
    "DELETE FROM recovery.audit WHERE seq > (SELECT max(seq) FROM recovery.audit) - 2",
  );
  await office.admin(rehash);
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "cut_off" } });
});

test("a look removed from the middle, and the chain made whole again, is found", async () => {
  await office.admin("DELETE FROM recovery.audit WHERE seq IN (4, 5)");
  await office.admin(rehash);
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "rewritten", seq: 4 } });
});

test("a chain that was cut off and grew again is not signed, and is found", async () => {
  await office.admin(
    "DELETE FROM recovery.audit WHERE seq > (SELECT max(seq) FROM recovery.audit) - 4",
  );
  await office.admin(rehash);
  for (let round = 0; round < 3; round++) {
    await office.requester.recover(["revoke", "00000000-0000-4000-8000-000000000000"]);
  }
  const signed = await office.auditor.recover(["audit", "checkpoint"]);
  expect(signed).toMatchObject({ code: 30, stdout: "" });
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "rewritten" } });
});

test("nothing is opened on a chain that was changed", async () => {
  const [record = ""] = await office.write([{ ip: "192.0.2.12", deviceId: "d-12" }]);
  await office.admin("DELETE FROM recovery.audit WHERE seq IN (3, 4)");
  await office.admin(rehash);
  const grant = await askApproved(office, office.requester, [
    "unmask",
    "--field",
    "ip",
    "--record",
    record,
  ]);
  const ended = await office.requester.recover(["unmask", "--grant", grant, "--print"]);
  expect(ended).toMatchObject({ code: 30, stdout: "" });
});

test("a head that names another end is found", async () => {
  await office.admin("UPDATE recovery.audit_head SET seq = seq - 1");
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "wrong_head" } });
});

test("a checkpoint that no signer signed is found", async () => {
  const [name = ""] = await readdir(join(office.directory, "checkpoints"));
  const genuine = await readFile(join(office.directory, "checkpoints", name), "utf8");
  const forged = genuine.replace(/time \d+/, "time 1");
  await writeFile(join(office.directory, "checkpoints", `9-${name}`), forged);
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "bad_checkpoint", seq: null } });
  // Nor is anything signed beside it.
  expect((await office.auditor.recover(["audit", "checkpoint"])).code).toBe(30);
});

test("nothing is signed with a key that nobody could verify", async () => {
  const stranger = { ...office.auditor.env, RECOVER_SIGNING_KEY: "stranger.pem" };
  await runRecover(
    [
      "keys",
      "signer",
      "--login",
      "stranger",
      "--key",
      "stranger.pem",
      "--keyring",
      "other.keyring.json",
    ],
    stranger,
  );
  expect((await runRecover(["audit", "checkpoint"], stranger)).code).toBe(2);
  expect(await verify()).toMatchObject({ code: 0 });
});

test("the newest result cannot be edited either: its own checkpoint saw it", async () => {
  await office.admin(
    "UPDATE recovery.audit SET detail = replace(detail, 'opened', 'closed') WHERE action = 'result'",
  );
  await office.admin(rehash);
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "rewritten" } });
});

test("missing and stale checkpoints are found", async () => {
  expect(await verify("--max-age", "0")).toMatchObject({
    code: 30,
    found: { kind: "stale_checkpoint" },
  });
  const directory = join(office.directory, "checkpoints");
  for (const name of await readdir(directory)) await rm(join(directory, name));
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "no_checkpoint" } });
});

test("a directory that is not there is neither made nor taken for an empty one", async () => {
  const directory = join(office.directory, "checkpoints");
  await rm(directory, { recursive: true });
  for (const command of ["checkpoint", "verify"]) {
    const { code, stderr } = await office.auditor.recover(["audit", command]);
    expect(code).toBe(20);
    expect(stderr).toContain("Make the directory once");
  }
  await expect(readdir(directory)).rejects.toMatchObject({ code: "ENOENT" });
});

test("a checkpoint of the future does not count as new", async () => {
  const key = await loadSigningKey(join(office.directory, `${office.auditor.login}.pem`));
  const [head] = await office.admin(
    "SELECT seq::integer, encode(hash, 'hex') AS hash FROM recovery.audit_head",
  );
  const position = { seq: Number(head?.["seq"]), hash: String(head?.["hash"]) };
  const inAYear = Math.floor(Date.now() / 1000) + 365 * 86_400;
  const path = join(office.directory, "checkpoints", "9-future.checkpoint");
  await writeFile(path, signCheckpoint(position, key, inAYear));
  expect(await verify("--max-age", "0")).toMatchObject({
    code: 30,
    found: { kind: "stale_checkpoint" },
  });
});

test("an older checkpoint under a newer one's name hides no rewritten chain", async () => {
  const directory = join(office.directory, "checkpoints");
  const [oldest = ""] = (await readdir(directory)).toSorted();
  await copyFile(join(directory, oldest), join(directory, "999999999999999.checkpoint"));
  await office.admin("DELETE FROM recovery.audit WHERE seq > 5");
  await office.admin(rehash);
  const signed = await office.auditor.recover(["audit", "checkpoint"]);
  expect(signed).toMatchObject({ code: 30, stdout: "" });
});

test("an intent without a result is found once its time is over, and settled", async () => {
  const [record = ""] = await office.write([{ ip: "192.0.2.13", deviceId: "d-13" }]);
  const grant = await askApproved(office, office.requester, [
    "unmask",
    "--field",
    "ip",
    "--record",
    record,
  ]);
  await office.admin("UPDATE recovery.policy SET claim_seconds = 1");
  await office.requester.query("SELECT recovery.claim($1, 'unmask', '{ip}', ARRAY[$2]::uuid[])", [
    grant,
    record,
  ]);
  const [intent] = await office.admin("SELECT max(seq)::integer AS seq FROM recovery.audit");
  await expect
    .poll(async () => (await verify()).found, { timeout: 20_000 })
    .toEqual({ kind: "unexplained_intent", seq: intent?.["seq"] });

  const settled = await office.auditor.recover(["audit", "settle", "--json"]);
  expect(JSON.parse(settled.stdout)).toEqual({ settled: 1 });
  expect((await verify()).found).toBe("sound");
  const [last] = await office.admin(
    "SELECT action, detail FROM recovery.audit ORDER BY seq DESC LIMIT 1",
  );
  expect(last?.["action"]).toBe("abandoned");
  expect(JSON.parse(String(last?.["detail"]))).toMatchObject({ fetched: false });
});

test("only an auditor reads the audit", async () => {
  for (const person of [office.requester, office.approver, office.custodian]) {
    expect((await person.recover(["audit", "list"])).code).toBe(3);
  }
  const { code, stdout } = await office.auditor.recover([
    "audit",
    "list",
    "--limit",
    "2",
    "--json",
  ]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([{ action: "result" }, { action: "intent" }]);
});

test("an exported row holds what is needed to hash it again", async () => {
  const { stdout } = await office.auditor.recover(["audit", "export", "--after", "1"]);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines[0]).toMatchObject({ seq: 2, action: "resolved" });
  expect(lines[1]?.["previous_hash"]).toBe(lines[0]?.["hash"]);
});
