import { join } from "node:path";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import {
  loadRecoverKeyring,
  loadSigningKey,
  readRecoverKeyring,
  type RecoverKeyringJson,
  signCheckpoint,
} from "@org/recovery";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type Kept, keepOffice } from "../kept.ts";
import { askApproved, type Office, openOffice } from "../office.ts";
import { runRecover } from "../run-recover.ts";

let office: Office;
let kept: Kept;

/** Two accesses, so that there is something to hide. */
beforeAll(async () => {
  office = await openOffice();
  const records = await office.write([office.sample(), office.sample()]);
  for (const record of records) await access(record);
  kept = await keepOffice(office);
});

beforeEach(() => kept.restore());

afterAll(async () => {
  await kept[Symbol.asyncDispose]();
  await office[Symbol.asyncDispose]();
});

async function approvedFor(record: string): Promise<string> {
  const terms = ["unmask", "--field", office.field, "--record", record];
  return askApproved(office, office.requester, terms);
}

async function access(record: string): Promise<void> {
  const grant = await approvedFor(record);
  const { code } = await office.requester.recover(["unmask", "--grant", grant, "--print"]);
  expect(code).toBe(0);
}

/** By hand, of a record of its own: no checkpoint follows. */
async function claimOne(): Promise<unknown> {
  const [record = ""] = await office.write([office.sample()]);
  const grant = await approvedFor(record);
  const claim = "recovery.claim($1, 'unmask', $3, ARRAY[$2]::uuid[], gen_random_uuid())";
  const [row] = await office.requester.query(`SELECT ${claim} ->> 'claim' AS claim`, [
    grant,
    record,
    [office.field],
  ]);
  return row?.["claim"];
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

test("the newest access removed, and the chain made whole again, is found", async () => {
  await office.admin(
    "DELETE FROM recovery.audit WHERE seq > (SELECT max(seq) FROM recovery.audit) - 2",
  );
  await office.admin(rehash);
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "cut_off" } });
});

test("an access removed from the middle, and the chain made whole again, is found", async () => {
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
  const [record = ""] = await office.write([office.sample()]);
  await office.admin("DELETE FROM recovery.audit WHERE seq IN (3, 4)");
  await office.admin(rehash);
  const grant = await approvedFor(record);
  const ended = await office.requester.recover(["unmask", "--grant", grant, "--print"]);
  expect(ended).toMatchObject({ code: 30, stdout: "" });
});

test("a head that names another end is found", async () => {
  await office.admin("UPDATE recovery.audit_head SET seq = seq - 1");
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "wrong_head" } });
});

const checkpoints = (): string => join(office.directory, "checkpoints");
const keyringPath = (): string => join(office.directory, "maskline.recover.keyring.json");

/** Changes the recover keyring, as somebody does who reviews it. */
async function review(change: (keyring: RecoverKeyringJson) => object): Promise<void> {
  const keyring = await readRecoverKeyring(keyringPath());
  await writeFile(keyringPath(), JSON.stringify({ ...keyring, ...change(keyring) }));
}

/** Where the chain ends now. */
async function end(): Promise<{ seq: number; hash: string }> {
  const [head] = await office.admin(
    "SELECT seq::integer, encode(hash, 'hex') AS hash FROM recovery.audit_head",
  );
  return { seq: Number(head?.["seq"]), hash: String(head?.["hash"]) };
}

test("what is no witness's checkpoint is named and ignored: nobody's access ends by it", async () => {
  const [name = ""] = await readdir(checkpoints());
  const genuine = await readFile(join(checkpoints(), name), "utf8");
  const forged = genuine.replace(/time \d+/, "time 1");
  await writeFile(join(checkpoints(), `9-${name}`), forged);
  await writeFile(join(checkpoints(), "garbage\u001b[2J.checkpoint"), Buffer.alloc(900, 0xff));
  // Far ahead, by somebody with a key, but without the duty.
  await review(({ operators }) => ({
    operators: operators.map((operator) =>
      operator.login === office.approver.login ? { ...operator, duties: ["approve"] } : operator,
    ),
  }));
  const { deployment } = await loadRecoverKeyring(keyringPath());
  const key = await loadSigningKey(join(office.directory, `${office.approver.login}.pem`));
  const ahead = { ...(await end()), seq: 999_999_999_999_999 };
  const far = signCheckpoint(ahead, { deployment, key, atSeconds: 1_790_000_000 });
  await writeFile(join(checkpoints(), far.name), far.text);

  const [record = ""] = await office.write([office.sample()]);
  await access(record);
  const { code, found, said } = await verify();
  expect({ code, found }).toEqual({ code: 0, found: "sound" });
  for (const ignored of [`9-${name}`, "garbage\\u001b[2J", far.name]) {
    expect(said).toContain(ignored);
  }
  expect(said).not.toContain("\u001b");
});

test("a checkpoint far ahead by a witness ends in 30, and names its file", async () => {
  const { deployment } = await loadRecoverKeyring(keyringPath());
  const key = await loadSigningKey(join(office.directory, `${office.colleague.login}.pem`));
  const ahead = { ...(await end()), seq: 999_999_999 };
  const far = signCheckpoint(ahead, { deployment, key, atSeconds: 1_790_000_000 });
  await writeFile(join(checkpoints(), far.name), far.text);
  const ended = await office.auditor.recover(["audit", "checkpoint"]);
  expect(ended.code).toBe(30);
  expect(ended.stderr).toContain(far.name);
  // Whoever made it is no witness any more, once that is reviewed.
  await review(({ operators }) => ({
    operators: operators.map((operator) =>
      operator.login === office.colleague.login ? { ...operator, duties: ["request"] } : operator,
    ),
  }));
  expect((await office.auditor.recover(["audit", "checkpoint"])).code).toBe(0);
});

test("what is opened beyond the number that was approved is found", async () => {
  await office.admin("UPDATE recovery.access_grant SET used_records = 0");
  const [{ id } = {}] = await office.admin("SELECT id FROM recovery.access_grant LIMIT 1");
  const ended = await office.requester.recover(["unmask", "--grant", String(id), "--print"]);
  expect(ended.code).toBe(0);
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "unsigned_intent" } });
});

/** An access that a superuser writes into the chain, and has witnessed, under a grant that allows one more. */
const madeUp: [string, object][] = [
  ["less than no record", { records: -1 }],
  ["no record", { records: 0 }],
  ["a number in words", { records: "1" }],
  ["one that the grant does not list", { digest: "0".repeat(64) }],
  ["records that nothing names", { digest: undefined }],
];

test.for(madeUp)("an access to %s is found", async ([, change]) => {
  const written = await office.write([office.sample(), office.sample()]);
  const terms = ["unmask", "--field", office.field, "--record", ...written];
  const grant = await askApproved(office, office.requester, [...terms, "--max-records", "9"]);
  const one = ["unmask", "--grant", grant, "--record", written[0] ?? "", "--print"];
  expect((await office.requester.recover(one)).code).toBe(0);
  expect(await verify()).toMatchObject({ code: 0, found: "sound" });
  const [made] = await office.admin(
    "SELECT detail FROM recovery.audit WHERE action = 'intent' AND grant_id = $1",
    [grant],
  );
  const intent = { ...(JSON.parse(String(made?.["detail"])) as object), ...change };
  for (const [action, detail] of [
    ["intent", intent],
    ["result", { outcome: "opened" }],
  ] as const) {
    await office.admin("SELECT recovery.append_audit($1, $2, $2, $3)", [action, grant, detail]);
    await office.admin("UPDATE recovery.audit SET actor = $2 WHERE claim_id = $1", [
      grant,
      office.requester.login,
    ]);
    await office.admin(rehash);
    await office.auditor.recover(["audit", "checkpoint"]);
  }
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "unsigned_intent" } });
});

test("what is opened under a grant that had expired by a witness's clock is found", async () => {
  const claim = await claimOne();
  await office.requester.query("SELECT recovery.start_fetch($1)", [claim]);
  const later = Date.now() + 100 * 3_600_000;
  vi.useFakeTimers({ toFake: ["Date"], now: later });
  try {
    await office.auditor.recover(["audit", "checkpoint"]);
    const result = JSON.stringify({ outcome: "opened" });
    await office.requester.query("SELECT recovery.report_result($1, $2)", [claim, result]);
    await office.auditor.recover(["audit", "checkpoint"]);
    expect(await verify()).toMatchObject({ code: 30, found: { kind: "unsigned_intent" } });
  } finally {
    vi.useRealTimers();
  }
});

test("what is opened after a revocation that was taken back is found", async () => {
  const [record = ""] = await office.write([office.sample()]);
  const grant = await approvedFor(record);
  await office.approver.recover(["revoke", grant]);
  await office.admin("UPDATE recovery.access_grant SET revoked_at = NULL, revoked_by = NULL");
  const ended = await office.requester.recover(["unmask", "--grant", grant, "--print"]);
  expect(ended.code).toBe(0);
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "ungranted_intent" } });
});

/** The chain as a superuser can make it who knows everything but the signing keys. */
const intents: [string, () => Promise<unknown>, string][] = [
  [
    "an intent whose request is gone",
    () => office.admin("UPDATE recovery.audit SET action = 'revoked' WHERE action = 'requested'"),
    "ungranted_intent",
  ],
  [
    "an intent whose records were never resolved",
    () => office.admin("UPDATE recovery.audit SET action = 'revoked' WHERE action = 'resolved'"),
    "ungranted_intent",
  ],
  [
    "an intent that nobody approved",
    () => office.admin("UPDATE recovery.audit SET action = 'revoked' WHERE action = 'approved'"),
    "ungranted_intent",
  ],
  [
    "an approval of another signature",
    () =>
      office.admin(
        `UPDATE recovery.audit SET detail = jsonb_set(detail::jsonb, '{signature_sha256}', to_jsonb(repeat('0', 64)))::text
         WHERE action = 'approved'`,
      ),
    "unsigned_intent",
  ],
  [
    "an approval that is kept nowhere",
    () => office.admin("DELETE FROM recovery.approval"),
    "unsigned_intent",
  ],
  [
    "a grant of other terms",
    () => office.admin("UPDATE recovery.access_grant SET ticket = 'T-2'"),
    "unsigned_intent",
  ],
  [
    "a record more in the grant",
    () =>
      office.admin(
        "INSERT INTO recovery.grant_record SELECT id, gen_random_uuid(), now() FROM recovery.access_grant",
      ),
    "unsigned_intent",
  ],
  [
    "an intent for another field",
    () =>
      office.admin(
        `UPDATE recovery.audit SET detail = jsonb_set(detail::jsonb, '{fields}', '["another"]')::text
         WHERE action = 'intent'`,
      ),
    "unsigned_intent",
  ],
  [
    "an intent for other records",
    () =>
      office.admin(
        `UPDATE recovery.audit SET detail = jsonb_set(detail::jsonb, '{digest}', to_jsonb(repeat('0', 64)))::text
         WHERE action = 'intent'`,
      ),
    "unsigned_intent",
  ],
  [
    "an intent by another person",
    () => office.admin("UPDATE recovery.audit SET actor = 'nobody' WHERE action = 'intent'"),
    "ungranted_intent",
  ],
];

test.for(intents)("%s is found, also in a chain that is whole", async ([, change, kind]) => {
  await change();
  await office.admin(rehash);
  // Not even the checkpoints of before are left.
  for (const name of await readdir(checkpoints())) await rm(join(checkpoints(), name));
  await office.auditor.recover(["audit", "checkpoint"]);
  expect(await verify()).toMatchObject({ code: 30, found: { kind } });
});

test.for(["records", "digest"])("work with other %s than were approved is found", async (name) => {
  await office.write([office.sample()]);
  const terms = ["erase", "--before", "2999-01-01"];
  const grant = await askApproved(office, office.custodian, terms);
  expect((await office.custodian.recover(["erase", "--grant", grant])).code).toBe(0);
  expect(await verify()).toMatchObject({ code: 0 });
  const other = name === "records" ? "99" : `"${"0".repeat(64)}"`;
  const [intent] = await office.admin(
    `UPDATE recovery.audit SET detail = jsonb_set(detail::jsonb, ARRAY[$1], $2::jsonb)::text
     WHERE action = 'intent' AND grant_id = $3 RETURNING seq`,
    [name, other, grant],
  );
  await office.admin(rehash);
  // Those that saw it are gone.
  for (const checkpoint of await readdir(checkpoints())) {
    const sawIt = Number(checkpoint.slice(0, 15)) >= Number(intent?.["seq"]);
    if (sawIt) await rm(join(checkpoints(), checkpoint));
  }
  await office.auditor.recover(["audit", "checkpoint"]);
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "unsigned_intent" } });
});

test.for(["COMMIT", "ROLLBACK"])(
  "an access in psql, past the tool, is found after %s: no checkpoint covers its intent",
  async (end) => {
    const claim = await claimOne();
    const [{ seq } = {}] = await office.admin(
      "SELECT max(seq)::integer AS seq FROM recovery.audit",
    );
    const claimed = `('${String(claim)}')`;
    await office.requester.query(`SELECT recovery.start_fetch${claimed}`);
    await office.requester.query(`BEGIN; SELECT * FROM recovery.fetch${claimed}; ${end}`);
    const result = JSON.stringify({ outcome: "not_opened" });
    await office.requester.query("SELECT recovery.report_result($1, $2)", [claim, result]);
    await office.auditor.recover(["audit", "checkpoint"]);
    expect(await verify()).toMatchObject({ code: 30, found: { kind: "unwitnessed_intent", seq } });
  },
);

test("an intent that another one's claim is given to later is found still", async () => {
  const claim = await claimOne();
  const [{ seq } = {}] = await office.admin("SELECT max(seq)::integer AS seq FROM recovery.audit");
  await office.requester.query("SELECT recovery.start_fetch($1)", [claim]);
  await office.admin(
    "SELECT recovery.append_audit('intent', grant_id, claim_id, detail::jsonb) FROM recovery.audit WHERE seq = $1",
    [seq],
  );
  await office.auditor.recover(["audit", "checkpoint"]);
  await office.requester.query("SELECT recovery.report_result($1, $2)", [
    claim,
    JSON.stringify({ outcome: "opened" }),
  ]);
  await office.auditor.recover(["audit", "checkpoint"]);
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "unwitnessed_intent", seq } });
});

test("the chain of another deployment is not this one's", async () => {
  await review(() => ({ deployment: "production" }));
  await office.auditor.recover(["audit", "checkpoint"]);
  const { code, found, said } = await verify();
  expect({ code, found }).toMatchObject({ code: 30, found: { kind: "unsigned_intent" } });
  expect(said).toContain("is another deployment's");
});

test("who left, and whose key is retired, leaves sound accesses behind", async () => {
  await review(({ operators }) => ({
    operators: operators.map((operator) =>
      operator.login === office.approver.login
        ? { ...operator, keys: operator.keys.map((key) => ({ ...key, state: "retired" })) }
        : operator,
    ),
  }));
  expect(await verify()).toMatchObject({ code: 0, found: "sound" });
});

/** Has the keyring ask for two approvals, from so many hours ahead on. */
function requireTwoSince(hours: number): Promise<void> {
  const since = new Date(Date.now() + hours * 3_600_000).toISOString();
  return review(() => ({
    approvals: [
      { above: 0, required: 1 },
      { above: 0, required: 2, since },
    ],
  }));
}

test("a step of approvals counts for what was witnessed from its day on", async () => {
  await requireTwoSince(1);
  expect(await verify()).toMatchObject({ code: 0, found: "sound" });
  // Whatever day the grant has.
  await requireTwoSince(-1);
  expect(await verify()).toMatchObject({ code: 30, found: { kind: "unsigned_intent" } });
});

test("an intent under which nothing was opened is of the day on which the chain was seen next", async () => {
  const claim = await claimOne();
  const result = JSON.stringify({ outcome: "not_opened" });
  await office.requester.query("SELECT recovery.report_result($1, $2)", [claim, result]);
  await office.auditor.recover(["audit", "checkpoint"]);
  await requireTwoSince(12);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 24 * 3_600_000 });
  try {
    await office.auditor.recover(["audit", "checkpoint"]);
    expect(await verify()).toMatchObject({ code: 0, found: "sound" });
  } finally {
    vi.useRealTimers();
  }
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
  const { deployment } = await loadRecoverKeyring(keyringPath());
  const key = await loadSigningKey(join(office.directory, `${office.auditor.login}.pem`));
  const atSeconds = Math.floor(Date.now() / 1000) + 365 * 86_400;
  const future = signCheckpoint(await end(), { deployment, key, atSeconds });
  await writeFile(join(checkpoints(), future.name), future.text);
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
  const [record = ""] = await office.write([office.sample()]);
  const grant = await approvedFor(record);
  await office.admin("UPDATE recovery.policy SET claim_seconds = 1");
  await office.requester.query(
    "SELECT recovery.claim($1, 'unmask', $3, ARRAY[$2]::uuid[], gen_random_uuid())",
    [grant, record, [office.field]],
  );
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

test("a new place for checkpoints vouches for the accesses of before only with the old one's", async () => {
  const path = join(office.directory, "new-place.keyring.json");
  const place = join(office.directory, "new-place");
  const keyring = await readRecoverKeyring(keyringPath());
  await writeFile(path, JSON.stringify({ ...keyring, sinks: [place] }), { mode: 0o600 });
  await mkdir(place);
  const env = { ...office.auditor.env, RECOVER_KEYRING: path, RECOVER_CHECKPOINT: place };
  const recover = (...argv: string[]) => runRecover(["audit", ...argv, "--json"], env);

  expect((await recover("checkpoint")).code).toBe(0);
  const alone = await recover("verify");
  expect(alone.code).toBe(30);
  expect(JSON.parse(alone.stdout)).toMatchObject({ kind: "unwitnessed_intent" });

  for (const name of await readdir(checkpoints())) {
    await copyFile(join(checkpoints(), name), join(place, name));
  }
  expect((await recover("verify")).code).toBe(0);
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
