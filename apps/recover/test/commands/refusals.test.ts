import { generateKeyPairSync, sign } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { canonicalGrant } from "../../src/grants/canonical-grant.ts";
import { ask, askApproved, type Office, openOffice, type Person, why } from "../office.ts";
import type { Ended } from "../run-recover.ts";
import type { Grant } from "@org/db";

let office: Office;
let record: string;
let other: string;

beforeAll(async () => {
  office = await openOffice();
  [record = "", other = ""] = await office.write([
    { ip: "192.0.2.10", deviceId: "d-10" },
    { ip: "192.0.2.11", deviceId: "d-11" },
  ]);
});

afterAll(() => office[Symbol.asyncDispose]());

const forIp = (): string[] => ["unmask", "--field", "ip", "--record", record];
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
  const grant = await ask(office.colleague, forIp());
  expect(await seen(await office.colleague.recover(["approve", grant]))).toEqual(
    refused(office.colleague, "self_approval"),
  );
});

test("a requester who is no approver may not even try", async () => {
  const grant = await ask(office.requester, forIp());
  const { code, stderr } = await office.requester.recover(["approve", grant]);
  expect(code).toBe(3);
  expect(stderr).toContain("Your login may not do this");
});

test("a grant that nobody approved", async () => {
  const grant = await ask(office.requester, forIp());
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "grant_pending"),
  );
});

test("a grant with one approval of two", async () => {
  await office.admin("UPDATE recovery.policy SET approvals_required = 2");
  const grant = await askApproved(office, office.requester, forIp());
  await office.admin("UPDATE recovery.policy SET approvals_required = 1");
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "grant_pending"),
  );
  expect(await seen(await office.approver.recover(["approve", grant]))).toEqual(
    refused(office.approver, "already_decided"),
  );
  expect((await office.colleague.recover(["approve", grant])).code).toBe(0);
  expect((await unmask(office.requester, grant)).code).toBe(0);
});

test("a grant that was denied", async () => {
  const grant = await ask(office.requester, forIp());
  expect((await office.approver.recover(["deny", grant])).code).toBe(0);
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "grant_denied"),
  );
  expect(await seen(await office.colleague.recover(["approve", grant]))).toEqual(
    refused(office.colleague, "grant_denied"),
  );
});

test("a grant that was revoked", async () => {
  const grant = await askApproved(office, office.requester, forIp());
  expect((await office.approver.recover(["revoke", grant])).code).toBe(0);
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "grant_revoked"),
  );
});

test("a grant that has expired", async () => {
  const grant = await askApproved(office, office.requester, forIp());
  // The clock is the database's; its row says when. Changing it also breaks the signature, so the
  // database is asked by itself here, and the tool below.
  await office.admin(
    "UPDATE recovery.access_grant SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1",
    [grant],
  );
  const [answer] = await office.requester.query(
    "SELECT recovery.claim($1, 'unmask', '{ip}', ARRAY[$2]::uuid[]) AS answer",
    [grant, record],
  );
  expect(answer).toEqual({ answer: { refused: "grant_expired" } });
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "forged_approval"),
  );
});

test("a grant that is used up", async () => {
  const grant = await askApproved(office, office.requester, forIp());
  expect((await unmask(office.requester, grant)).code).toBe(0);
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "grant_used_up"),
  );
});

test("a field that the grant does not cover", async () => {
  const grant = await askApproved(office, office.requester, forIp());
  expect(await seen(await unmask(office.requester, grant, "--field", "device_id"))).toEqual(
    refused(office.requester, "wrong_fields"),
  );
});

test("a record that the grant does not cover", async () => {
  const grant = await askApproved(office, office.requester, forIp());
  expect(await seen(await unmask(office.requester, grant, "--record", other))).toEqual(
    refused(office.requester, "wrong_records"),
  );
});

test("a capability that the grant is not for", async () => {
  const grant = await askApproved(office, office.requester, ["lookup", "--field", "ip"]);
  const [answer] = await office.requester.query(
    "SELECT recovery.claim($1, 'unmask', '{ip}', ARRAY[$2]::uuid[]) AS answer",
    [grant, record],
  );
  expect(answer).toEqual({ answer: { refused: "wrong_capability" } });
});

test("somebody else's grant is not found", async () => {
  const grant = await askApproved(office, office.requester, forIp());
  await office.admin(`REVOKE maskline_approver FROM ${office.colleague.login}`);
  expect((await unmask(office.colleague, grant)).code).toBe(4);
  await office.admin(`GRANT maskline_approver TO ${office.colleague.login}`);
  // Not even to an approver, who may see it.
  expect((await unmask(office.colleague, grant)).code).toBe(4);
});

test("more records a minute than the policy allows", async () => {
  const grant = await askApproved(office, office.requester, [...forIp(), "--max-records", "9"]);
  expect((await unmask(office.requester, grant)).code).toBe(0);
  await office.admin("UPDATE recovery.policy SET records_per_minute = 1");
  const ended = await unmask(office.requester, grant);
  await office.admin("UPDATE recovery.policy SET records_per_minute = 600");
  expect(await seen(ended)).toEqual(refused(office.requester, "too_fast"));
});

const guessed = `mk1.t1.${"A".repeat(43)}`;

test("more requests an hour than the policy allows: a request answers guesses", async () => {
  const guess = (): Promise<Ended> =>
    office.colleague.recover(["request", "unmask", "--field", "ip", "--token", guessed, ...why]);
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
      const real = await askApproved(office, office.requester, forIp());
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
      const bytes = canonicalGrant(JSON.parse(shown.stdout) as Grant, "approve");
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
  const grant = await ask(office.requester, forIp());
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
  ["the fields", "fields = $2", ["ip", "device_id"]],
  ["the limit", "max_records = $2", 5000],
  ["the expiry", "expires_at = expires_at + $2::interval", "1 day"],
  ["the purpose", "purpose = $2", "curiosity"],
];

test.for(changes)(
  "a superuser changes %s of an approved grant: forged",
  async ([, change, value]) => {
    const grant = await askApproved(office, office.requester, forIp());
    await office.admin(`UPDATE recovery.access_grant SET ${change} WHERE id = $1`, [grant, value]);
    expect(await seen(await unmask(office.requester, grant))).toEqual(
      refused(office.requester, "forged_approval"),
    );
  },
);

test("a superuser adds a record to an approved grant: forged", async () => {
  const grant = await askApproved(office, office.requester, forIp());
  await office.admin(
    `INSERT INTO recovery.grant_record (grant_id, record_id, create_date)
     SELECT $1, record_id, create_date FROM public.user_logins WHERE record_id = $2`,
    [grant, other],
  );
  expect(await seen(await unmask(office.requester, grant))).toEqual(
    refused(office.requester, "forged_approval", "wrong_records"),
  );
});
