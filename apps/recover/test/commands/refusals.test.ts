import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Grant } from "@org/db";
import { login } from "@org/schema";
import { afterAll, beforeAll, expect, test } from "vitest";
import { canonicalGrant, type Duty, type OperatorJson, readRecoverKeyring } from "@org/recovery";
import { ask, askApproved, namesOf, type Office, openOffice, type Person, why } from "../office.ts";
import { type Ended, runRecover } from "../run-recover.ts";

const { table, field, fields } = namesOf(login);
const [another = ""] = fields.filter((name) => name !== field);
let office: Office;
let record: string;
let other: string;

beforeAll(async () => {
  office = await openOffice();
  [record = "", other = ""] = await office.write([office.sample(), office.sample()]);
});

afterAll(() => office[Symbol.asyncDispose]());

const recoverKeyring = (): string => join(office.directory, "maskline.recover.keyring.json");

/** The path of the recover keyring with other duties. */
async function keyringOf(
  { directory }: Office,
  dutiesOf: (operator: OperatorJson) => readonly Duty[],
): Promise<string> {
  const keyring = await readRecoverKeyring(recoverKeyring());
  const operators = keyring.operators.map((operator) => ({
    ...operator,
    duties: dutiesOf(operator),
  }));
  const path = join(directory, "duties.recover.keyring.json");
  await writeFile(path, JSON.stringify({ ...keyring, operators }));
  return path;
}

const forField = (): string[] => ["unmask", "--field", field, "--record", record];
const unmask = (person: Person, grant: string, ...argv: string[]): Promise<Ended> =>
  person.recover(["unmask", "--grant", grant, "--print", ...argv]);

/** How a command ended, with what it said as a code, and the audit's last row. */
async function seen({ code, stdout, stderr }: Ended): Promise<unknown> {
  const [audited] = await office.admin(
    "SELECT actor, action, detail::jsonb ->> 'code' AS code FROM recovery.audit ORDER BY seq DESC LIMIT 1",
  );
  return { code, stdout, said: /\((\w+)\)/.exec(stderr)?.[1], audited };
}

/** Exit 3, nothing shown, and a row of the audit that says who and why. */
function refused(person: Person, said: string, code = said): unknown {
  return { code: 3, stdout: "", said, audited: { actor: person.login, action: "refused", code } };
}

test("nobody approves their own request", async () => {
  // A requester who may also approve: the roles alone would not stop it.
  await office.admin(`GRANT maskline_approver TO ${office.colleague.login}`);
  const grant = await ask(office.colleague, forField());
  expect(await seen(await office.colleague.recover(["approve", grant]))).toEqual(
    refused(office.colleague, "self_approval"),
  );
});

test("a requester who is no approver may not even try", async () => {
  const grant = await ask(office.requester, forField());
  const { code, stderr } = await office.requester.recover(["approve", grant]);
  expect(code).toBe(3);
  expect(stderr).toContain("Your login may not do this");
});

test("a grant that nobody approved", async () => {
  const grant = await ask(office.requester, forField());
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "grant_pending"),
  );
});

test("a grant with one approval of two", async () => {
  await office.admin("UPDATE recovery.policy SET approvals_required = 2");
  const grant = await ask(office.requester, forField());
  await office.admin("UPDATE recovery.policy SET approvals_required = 1");
  expect((await office.approver.recover(["approve", grant])).code).toBe(0);
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "grant_pending"),
  );
  // Again by the same person is still one of two.
  expect(await office.approver.recover(["approve", grant])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/The grant is pending.\n$/) as string,
  });
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "grant_pending"),
  );
  expect((await office.colleague.recover(["approve", grant])).code).toBe(0);
  expect((await unmask(office.requester, grant)).code).toBe(0);
});

test("approving twice is approving once, and ends well", async () => {
  const grant = await askApproved(office, office.requester, forField());
  const approvals =
    "SELECT count(*)::integer AS count FROM recovery.audit WHERE action = 'approved'";
  const before = await office.admin(approvals);
  const again = await office.approver.recover(["approve", grant]);
  expect(again).toMatchObject({ code: 0, stderr: "" });
  expect(again.stdout).toMatch(/The grant is live.\n$/);
  expect(await office.admin(approvals)).toEqual(before);
  // Another decision is none.
  expect(await seen(await office.approver.recover(["deny", grant]))).toEqual(
    refused(office.approver, "grant_live"),
  );
});

test("an approval by somebody who has not the duty is not signed", async () => {
  const grant = await ask(office.requester, forField());
  const path = await keyringOf(office, ({ login, duties }) =>
    login === office.approver.login ? ["request", "witness"] : duties,
  );
  const ended = await runRecover(["approve", grant], {
    ...office.approver.env,
    RECOVER_KEYRING: path,
  });
  expect(ended.code).toBe(3);
  expect(ended.stderr).toContain("(wrong_duty)");
});

test("an approval by somebody who has lost the duty does not hold", async () => {
  const grant = await askApproved(office, office.requester, forField());
  const path = await keyringOf(office, ({ login, duties }) =>
    login === office.approver.login ? ["request", "witness"] : duties,
  );
  const ended = await runRecover(["unmask", "--grant", grant, "--print"], {
    ...office.requester.env,
    RECOVER_KEYRING: path,
  });
  expect(await seen(ended)).toEqual(refused(office.requester, "forged_approval"));
});

test.for(["request", "witness"] as const)(
  "an access by somebody without the duty %s costs the grant nothing",
  async (missing) => {
    const grant = await askApproved(office, office.requester, forField());
    const path = await keyringOf(office, ({ login, duties }) =>
      login === office.requester.login ? duties.filter((duty) => duty !== missing) : duties,
    );
    const ended = await runRecover(["unmask", "--grant", grant, "--print"], {
      ...office.requester.env,
      RECOVER_KEYRING: path,
    });
    expect(ended).toMatchObject({ code: 3, stdout: "" });
    expect(ended.stderr).toContain(`(wrong_duty)\n  - ${missing}\n`);
    expect((await unmask(office.requester, grant)).code).toBe(0);
  },
);

test("what was approved in another deployment holds in none but it", async () => {
  const grant = await askApproved(office, office.requester, forField());
  // The same people, the same keys, the rows and the approval copied: just not the same place.
  const path = join(office.directory, "production.recover.keyring.json");
  const keyring = await readRecoverKeyring(recoverKeyring());
  await writeFile(path, JSON.stringify({ ...keyring, deployment: "production" }));
  const ended = await runRecover(["unmask", "--grant", grant, "--print"], {
    ...office.requester.env,
    RECOVER_KEYRING: path,
  });
  expect(await seen(ended)).toEqual(refused(office.requester, "forged_approval"));
});

test("more records than the keyring lets one person approve", async () => {
  const grant = await askApproved(office, office.requester, [
    "unmask",
    "--field",
    field,
    "--record",
    record,
    other,
  ]);
  const path = join(office.directory, "strict.recover.keyring.json");
  const approvals = [
    { above: 0, required: 1 },
    { above: 1, required: 2 },
  ];
  const keyring = await readRecoverKeyring(recoverKeyring());
  await writeFile(path, JSON.stringify({ ...keyring, approvals }));
  const env = { ...office.requester.env, RECOVER_KEYRING: path };
  const open = () => runRecover(["unmask", "--grant", grant, "--print"], env);
  expect(await seen(await open())).toEqual(refused(office.requester, "approvals_missing"));
  // The database has counted to one; a second approval is taken all the same.
  const { env: own, login: auditor } = office.auditor;
  await office.admin(`GRANT maskline_approver TO ${auditor}`);
  const approved = await runRecover(["approve", grant], { ...own, RECOVER_KEYRING: path });
  await office.admin(`REVOKE maskline_approver FROM ${auditor}`);
  expect(approved.stdout).toMatch(/The grant is live.\n$/);
  expect((await open()).code).toBe(0);
});

test("two approve what is of more than a hundred records, by default", async () => {
  const written = await office.write(Array.from({ length: 101 }, () => office.sample()));
  const grant = await ask(office.requester, ["unmask", "--field", field, "--record", ...written]);
  const { stdout } = await office.approver.recover(["approve", grant, "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ state: "pending" });
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "grant_pending"),
  );
  const few = async (): Promise<unknown> => {
    const more = await ask(office.requester, ["unmask", "--field", field, "--record", record]);
    const one = await office.approver.recover(["approve", more, "--json"]);
    return JSON.parse(one.stdout) as unknown;
  };
  // So they do what is one more, as long as the others may be opened.
  expect(await few()).toMatchObject({ state: "pending" });
  await office.requester.recover(["revoke", grant]);
  expect(await few()).toMatchObject({ state: "live" });
});

test("a request that a superuser dates back needs what is asked for today", async () => {
  const path = join(office.directory, "later.recover.keyring.json");
  const approvals = [
    { above: 0, required: 1 },
    { above: 0, required: 2, since: "2026-01-01T00:00:00Z" },
  ];
  const keyring = await readRecoverKeyring(recoverKeyring());
  await writeFile(path, JSON.stringify({ ...keyring, approvals }));
  const later = { RECOVER_KEYRING: path };
  const grant = await ask(office.requester, forField());
  await office.admin(
    "UPDATE recovery.access_grant SET created_at = '2025-12-31T00:00:00Z' WHERE id = $1",
    [grant],
  );
  const approved = await runRecover(["approve", grant], { ...office.approver.env, ...later });
  expect(approved.stdout).toMatch(/The grant is pending.\n$/);
  const opened = await runRecover(["unmask", "--grant", grant, "--print"], {
    ...office.requester.env,
    ...later,
  });
  expect(await seen(opened)).toEqual(refused(office.requester, "approvals_missing"));
});

test("a place for checkpoints that the keyring does not name is not used", async () => {
  const grant = await askApproved(office, office.requester, forField());
  const mine = await mkdtemp(join(office.directory, "mine-"));
  const ended = await runRecover(["unmask", "--grant", grant, "--print"], {
    ...office.requester.env,
    RECOVER_CHECKPOINT: mine,
  });
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  expect(await readdir(mine)).toEqual([]);
});

test("a grant that was denied", async () => {
  const grant = await ask(office.requester, forField());
  expect((await office.approver.recover(["deny", grant])).code).toBe(0);
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "grant_denied"),
  );
  expect(await seen(await office.colleague.recover(["approve", grant]))).toEqual(
    refused(office.colleague, "grant_denied"),
  );
});

test("a grant that was revoked", async () => {
  const grant = await askApproved(office, office.requester, forField());
  expect((await office.approver.recover(["revoke", grant])).code).toBe(0);
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "grant_revoked"),
  );
});

test("a grant that has expired", async () => {
  const grant = await askApproved(office, office.requester, forField());
  // The clock is the database's; its row says when. Changing it also breaks the signature, so the
  // database is asked by itself here, and the tool below.
  await office.admin(
    "UPDATE recovery.access_grant SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1",
    [grant],
  );
  const [answer] = await office.requester.query(
    "SELECT recovery.claim($1, 'unmask', $3, ARRAY[$2]::uuid[], gen_random_uuid()) AS answer",
    [grant, record, [field]],
  );
  expect(answer).toEqual({ answer: { refused: "grant_expired" } });
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "forged_approval"),
  );
});

test("a grant that is used up", async () => {
  const grant = await askApproved(office, office.requester, forField());
  expect((await unmask(office.requester, grant)).code).toBe(0);
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "grant_used_up"),
  );
});

test("a field that the grant does not cover", async () => {
  const grant = await askApproved(office, office.requester, forField());
  expect(await seen(await unmask(office.requester, grant, "--field", another))).toEqual(
    refused(office.requester, "wrong_fields"),
  );
});

test("a record that the grant does not cover", async () => {
  const grant = await askApproved(office, office.requester, forField());
  expect(await seen(await unmask(office.requester, grant, "--record", other))).toEqual(
    refused(office.requester, "wrong_records"),
  );
});

test("a capability that the grant is not for", async () => {
  const terms = ["lookup", "--field", field];
  const grant = await askApproved(office, office.requester, terms, String(office.sample()[field]));
  const [answer] = await office.requester.query(
    "SELECT recovery.claim($1, 'unmask', $3, ARRAY[$2]::uuid[], gen_random_uuid()) AS answer",
    [grant, record, [field]],
  );
  expect(answer).toEqual({ answer: { refused: "wrong_capability" } });
});

test("somebody else's grant is not found", async () => {
  const grant = await askApproved(office, office.requester, forField());
  await office.admin(`REVOKE maskline_approver FROM ${office.colleague.login}`);
  expect((await unmask(office.colleague, grant)).code).toBe(4);
  await office.admin(`GRANT maskline_approver TO ${office.colleague.login}`);
  // Not even to an approver, who may see it.
  expect((await unmask(office.colleague, grant)).code).toBe(4);
});

test("more records a minute than the policy allows", async () => {
  const grant = await askApproved(office, office.requester, [...forField(), "--max-records", "9"]);
  expect((await unmask(office.requester, grant)).code).toBe(0);
  await office.admin("UPDATE recovery.policy SET records_per_minute = 1");
  const ended = await unmask(office.requester, grant);
  await office.admin("UPDATE recovery.policy SET records_per_minute = 600");
  expect(await seen(ended)).toEqual(refused(office.requester, "too_fast"));
});

const guessed = `mk1.t1.${"A".repeat(43)}`;

test("more requests an hour than the policy allows: a request answers guesses", async () => {
  const guess = (): Promise<Ended> =>
    office.colleague.recover(["request", "unmask", "--field", field, "--token", guessed, ...why]);
  expect(await guess()).toMatchObject({ code: 4, stdout: "" });
  const [row] = await office.admin(
    "SELECT detail FROM recovery.audit WHERE action = 'requested' ORDER BY seq DESC LIMIT 1",
  );
  expect(String(row?.["detail"])).toContain(guessed);
  await office.admin("UPDATE recovery.policy SET requests_per_hour = 1");
  const ended = await guess();
  await office.admin("UPDATE recovery.policy SET requests_per_hour = 100");
  expect(await seen(ended)).toEqual(refused(office.colleague, "too_many_requests"));
});

const forgeries: [string, (grant: string) => Promise<unknown>][] = [
  [
    "a superuser inserts an approval without a key",
    (grant) =>
      office.admin(
        `INSERT INTO recovery.approval (grant_id, approver, decision, key_id, signature)
         VALUES ($1, $2, 'approve', '0123456789abcdef', sha512('x'))`,
        [grant, office.approver.login],
      ),
  ],
  [
    "a superuser copies the approval of another grant",
    async (grant) => {
      const real = await askApproved(office, office.requester, forField());
      await office.admin(
        `INSERT INTO recovery.approval (grant_id, approver, decision, key_id, signature)
         SELECT $1, approver, decision, key_id, signature FROM recovery.approval WHERE grant_id = $2`,
        [grant, real],
      );
    },
  ],
  [
    "a superuser signs with a key of their own under the approver's name",
    async (grant) => {
      const shown = await office.requester.recover(["list", "--grant", grant, "--json"]);
      const { privateKey } = generateKeyPairSync("ed25519");
      const { deployment } = await readRecoverKeyring(recoverKeyring());
      const bytes = canonicalGrant(JSON.parse(shown.stdout) as Grant, {
        decision: "approve",
        deployment,
      });
      const [{ key_id: keyId } = {}] = await office.admin(
        "SELECT key_id FROM recovery.approval WHERE approver = $1 LIMIT 1",
        [office.approver.login],
      );
      await office.admin(
        `INSERT INTO recovery.approval (grant_id, approver, decision, key_id, signature)
         VALUES ($1, $2, 'approve', $3, $4)`,
        [grant, office.approver.login, keyId, sign(null, bytes, privateKey)],
      );
    },
  ],
  [
    "a superuser makes an approval of a denial",
    async (grant) => {
      await office.approver.recover(["deny", grant]);
      await office.admin("UPDATE recovery.approval SET decision = 'approve' WHERE grant_id = $1", [
        grant,
      ]);
      await office.admin("UPDATE recovery.access_grant SET denied_at = NULL WHERE id = $1", [
        grant,
      ]);
    },
  ],
  [
    "a superuser needs no approval any more",
    (grant) =>
      office.admin("UPDATE recovery.access_grant SET approvals_required = 0 WHERE id = $1", [
        grant,
      ]),
  ],
];

test.for(forgeries)("%s: forged", async ([, forge]) => {
  const grant = await ask(office.requester, forField());
  await forge(grant);
  const [row] = await office.admin(
    "SELECT state FROM (SELECT recovery.state_of(g) AS state FROM recovery.access_grant g WHERE id = $1) AS s",
    [grant],
  );
  // The database alone is deceived; the signature is not.
  expect(row).toEqual({ state: "live" });
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "forged_approval"),
  );
});

const changes: [string, string, unknown][] = [
  ["the fields", "fields = $2", fields],
  ["the contract", "contract = $2", "another"],
  ["the time of the request", "created_at = created_at - $2::interval", "1 day"],
  ["the limit", "max_records = $2", 5000],
  ["the expiry", "expires_at = expires_at + $2::interval", "1 day"],
  ["the purpose", "purpose = $2", "curiosity"],
];

test.for(changes)(
  "a superuser changes %s of an approved grant: forged",
  async ([, change, value]) => {
    const grant = await askApproved(office, office.requester, forField());
    await office.admin(`UPDATE recovery.access_grant SET ${change} WHERE id = $1`, [grant, value]);
    expect(await seen(await unmask(office.requester, grant))).toEqual(
      refused(office.requester, "forged_approval"),
    );
  },
);

test("a superuser adds a record to an approved grant: forged", async () => {
  const grant = await askApproved(office, office.requester, forField());
  await office.admin(
    `INSERT INTO recovery.grant_record (grant_id, record_id, create_date)
     SELECT $1, record_id, create_date FROM ${table} WHERE record_id = $2`,
    [grant, other],
  );
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "forged_approval", "wrong_records"),
  );
});
