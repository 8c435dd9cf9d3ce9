/** What the tool opens when a superuser replaced the database's functions: no more than was signed. */

import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { login } from "@org/schema";
import { ask, askApproved, namesOf, type Office, openOffice, type Person } from "../office.ts";
import { type Ended, runRecover } from "../run-recover.ts";

const { table, field, fields } = namesOf(login);
const [another = ""] = fields.filter((name) => name !== field);
let office: Office;
let value: string;
let record: string;
let other: string;
let body: string;

beforeAll(async () => {
  office = await openOffice();
});

afterAll(() => office[Symbol.asyncDispose]());

/** The database finds nothing wrong with any grant, from here on. */
beforeEach(async () => {
  await replace(
    "recovery.check_grant(p_grant uuid, p_capability text, p_fields text[], p_cost integer)",
    {
      returns: "text",
      body: "SELECT NULL::text",
    },
  );
  const message = office.sample();
  value = String(message[field]);
  [record = "", other = ""] = await office.write([message, office.sample()]);
  [body = ""] = await office.quarantine(['{"foo": "192.0.2.12"}']);
});

const originals = new Map<string, string>();

async function replace(signature: string, by: { returns: string; body: string }): Promise<void> {
  const name = signature.slice(0, signature.indexOf("("));
  const [row] = await office.admin("SELECT pg_get_functiondef($1::regproc) AS definition", [name]);
  if (!originals.has(name)) originals.set(name, String(row?.["definition"]));
  await office.admin(`CREATE OR REPLACE FUNCTION ${signature} RETURNS ${by.returns}
    LANGUAGE sql VOLATILE SECURITY DEFINER AS $lie$ ${by.body} $lie$`);
}

afterEach(async () => {
  vi.useRealTimers();
  for (const definition of originals.values()) await office.admin(definition);
  originals.clear();
});

const forField = (): string[] => ["unmask", "--field", field, "--record", record];
const unmask = (person: Person, grant: string, ...argv: string[]): Promise<Ended> =>
  person.recover(["unmask", "--grant", grant, "--print", ...argv]);

/** How a command ended, with what it said as a code, and the audit's last row. */
async function seen({ code, stdout, stderr }: Ended): Promise<unknown> {
  const [last] = await office.admin(
    "SELECT action, detail::jsonb AS detail FROM recovery.audit ORDER BY seq DESC LIMIT 1",
  );
  return { code, stdout, said: /\((\w+)\)/.exec(stderr)?.[1], last };
}

/** Exit 3, nothing shown, and a claim that ended before anything was handed out. */
function notOpened(reason: string): unknown {
  const detail = expect.objectContaining({
    outcome: "not_opened",
    reason,
    fetched: false,
  }) as unknown;
  return { code: 3, stdout: "", said: reason, last: { action: "result", detail } };
}

test("a grant that nobody approved opens nothing", async () => {
  const grant = await ask(office.requester, forField());
  expect(await seen(await unmask(office.requester, grant))).toEqual(notOpened("forged_approval"));
});

test("a record that was not signed opens nothing, though the database claims it", async () => {
  const grant = await askApproved(office, office.requester, forField());
  await replace("recovery.grant_records(p_grant uuid)", {
    returns: "SETOF uuid",
    body: `SELECT '${record}'::uuid`,
  });
  await office.admin(
    `INSERT INTO recovery.grant_record SELECT $1, record_id, create_date FROM ${table} WHERE record_id = $2`,
    [grant, other],
  );
  expect(await seen(await unmask(office.requester, grant, "--record", other))).toEqual(
    notOpened("wrong_records"),
  );
});

test("a field that was not signed opens nothing", async () => {
  const grant = await askApproved(office, office.requester, forField());
  expect(await seen(await unmask(office.requester, grant, "--field", another))).toEqual(
    notOpened("wrong_fields"),
  );
});

const lookupSignature =
  "recovery.claim_lookup(p_grant uuid, p_field text, p_tokens text[], p_claim uuid)";
const lookupOfAnything = `SELECT recovery.open_claim(p_claim, p_grant, ARRAY[p_field], p_tokens, 1,
  now() + interval '1 hour', jsonb_build_object('tokens', p_tokens))`;

test("a grant of another capability opens nothing, nor one of another value", async () => {
  await replace(lookupSignature, { returns: "jsonb", body: lookupOfAnything });
  const terms = ["lookup", "--field", field, "--max-records", "2"];
  const lookup = await askApproved(office, office.requester, terms, value);
  const looked = await office.requester.recover(
    ["lookup", "--grant", lookup, "--field", another],
    "x",
  );
  expect(await seen(looked)).toEqual(notOpened("wrong_fields"));
  const guessed = await office.requester.recover(
    ["lookup", "--grant", lookup, "--field", field],
    String(office.sample()[field]),
  );
  expect(await seen(guessed)).toEqual(notOpened("wrong_value"));

  const shown = await askApproved(office, office.requester, forField());
  const found = await office.requester.recover(
    ["lookup", "--grant", shown, "--field", field],
    value,
  );
  expect(await seen(found)).toEqual(notOpened("wrong_capability"));
});

test("a body is not opened for somebody who may only retry, nor the other way about", async () => {
  await office.admin(`GRANT maskline_requester TO ${office.custodian.login}`);
  const retry = await askApproved(office, office.custodian, ["retry", "--quarantined", body]);
  const shown = await unmask(office.custodian, retry, "--field", "body");
  expect(await seen(shown)).toEqual(notOpened("wrong_capability"));

  const show = await askApproved(office, office.custodian, [
    "unmask",
    "--field",
    "body",
    "--quarantined",
    body,
  ]);
  const retried = await office.custodian.recover(["quarantine", "retry", "--grant", show]);
  expect(await seen(retried)).toEqual(notOpened("wrong_capability"));
});

test.for(["erase", "retoken"])("%s does nothing under a grant for something else", async (work) => {
  await office.admin(`GRANT maskline_requester TO ${office.custodian.login}`);
  const grant = await askApproved(office, office.custodian, forField());
  const ended = await office.custodian.recover([work, "--grant", grant]);
  expect(await seen(ended)).toEqual(notOpened("wrong_capability"));
});

test("batch keys are every contract's: a grant for one of them does not move them", async () => {
  await office.admin(`GRANT maskline_requester TO ${office.custodian.login}`);
  const grant = await askApproved(office, office.custodian, forField());
  const ended = await office.custodian.recover(["rewrap", "--grant", grant]);
  expect(ended).toMatchObject({ code: 3, stdout: "" });
  expect(ended.stderr).toContain("(wrong_contract)");
  const claims = "SELECT count(*)::integer AS count FROM recovery.claim WHERE grant_id = $1";
  expect(await office.admin(claims, [grant])).toEqual([{ count: 0 }]);
});

test("a grant that expired long ago opens nothing, though its approval is genuine", async () => {
  const grant = await askApproved(office, office.requester, forField());
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 3_600_000 });
  expect(await seen(await unmask(office.requester, grant))).toEqual(notOpened("grant_expired"));
});

test("another person's grant opens nothing", async () => {
  const grant = await askApproved(office, office.requester, forField());
  // The login of the one who asked, in the hands of another: the signing key says who it is.
  const ended = await runRecover(["unmask", "--grant", grant, "--print"], {
    ...office.requester.env,
    RECOVER_SIGNING_KEY: `${office.colleague.login}.pem`,
  });
  expect(await seen(ended)).toEqual(notOpened("wrong_person"));
});

test("another tenant's grant opens nothing", async () => {
  const grant = await askApproved(office, office.requester, forField());
  const ended = await runRecover(["unmask", "--grant", grant, "--print"], {
    ...office.requester.env,
    MASKLINE_TENANT: "another",
  });
  expect(ended).toMatchObject({ code: 3, stdout: "" });
  expect(ended.stderr).toContain("wrong_tenant");
  // A setting that does not fit costs the grant nothing.
  const claims = "SELECT count(*)::integer AS count FROM recovery.claim WHERE grant_id = $1";
  expect(await office.admin(claims, [grant])).toEqual([{ count: 0 }]);
});

test("a record that was not claimed is not opened, though the database hands it out", async () => {
  const grant = await askApproved(office, office.requester, forField());
  await office.admin(`
    CREATE FUNCTION recovery.smuggle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.record_id <> '${other}' THEN
        INSERT INTO recovery.claim_record SELECT NEW.claim_id, record_id, create_date
        FROM ${table} WHERE record_id = '${other}';
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER smuggle BEFORE INSERT ON recovery.claim_record
      FOR EACH ROW EXECUTE FUNCTION recovery.smuggle();`);
  const ended = await unmask(office.requester, grant);
  await office.admin("DROP FUNCTION recovery.smuggle() CASCADE");
  expect(ended).toMatchObject({ code: 30, stdout: "" });
  expect(ended.stderr).toContain("was not claimed");
});

test("another person's record is not shown, though the database says nothing of its row", async () => {
  const [mine, theirs] = [office.sample(), office.sample()];
  const [, moved = ""] = await office.write([mine, theirs]);
  const subject = String(mine[login.subject]);
  const putUnder = (whose: unknown): Promise<unknown> =>
    office.admin(`UPDATE ${table} SET ${login.subject} = $1 WHERE record_id = $2`, [whose, moved]);
  await putUnder(subject);
  const terms = ["unmask", "--field", field, "--subject", subject];
  const grant = await askApproved(office, office.requester, terms);
  await putUnder(theirs[login.subject]);
  await office.admin(`
    ALTER FUNCTION recovery.fetch(uuid) RENAME TO fetch_truly;
    CREATE FUNCTION recovery.fetch(p_claim uuid) RETURNS TABLE (record_id uuid, source text,
      sealed bytea, seed bytea, batch_key_id uuid, tokens jsonb, subject text, sent_at text)
    LANGUAGE sql SECURITY DEFINER AS $lie$
      SELECT record_id, source, sealed, seed, batch_key_id, NULL::jsonb, NULL, sent_at
      FROM recovery.fetch_truly(p_claim) $lie$;
    GRANT EXECUTE ON FUNCTION recovery.fetch(uuid) TO maskline_requester;`);
  const ended = await unmask(office.requester, grant);
  await office.admin(`DROP FUNCTION recovery.fetch(uuid);
    ALTER FUNCTION recovery.fetch_truly(uuid) RENAME TO "fetch";`);
  expect(ended.code).toBe(30);
  expect(ended.stdout).toContain(moved);
  expect(ended.stdout).not.toContain(String(theirs[field]));
});

test("of a body, of which no part can be told, a part that was approved is nothing", async () => {
  await replace(
    "recovery.check_request(p_contract maskline.contract, p_request jsonb, p_fields text[])",
    { returns: "text", body: "SELECT NULL::text" },
  );
  const terms = ["unmask", "--field", "body", "--quarantined", body, "--reveal", "partial"];
  const grant = await askApproved(office, office.requester, terms);
  const ended = await unmask(office.requester, grant);
  expect(ended.code).toBe(0);
  expect(ended.stdout).toContain(body);
  expect(ended.stdout).not.toContain("192.0.2.12");
});

const claimSignature =
  "recovery.claim(p_grant uuid, p_capability text, p_fields text[], p_records uuid[], p_claim uuid)";

const lies: [string, string][] = [
  [
    "an intent of before, claim and all",
    "SELECT recovery.answer_claim(id, intent_seq, deadline) FROM recovery.claim WHERE grant_id = p_grant",
  ],
  [
    "an intent of before under the new claim's id",
    `SELECT recovery.answer_claim(id, intent_seq, deadline) || jsonb_build_object('claim', p_claim)
     FROM recovery.claim WHERE grant_id = p_grant`,
  ],
  [
    "an intent for less than this",
    `SELECT recovery.open_claim(p_claim, p_grant, '{}', '{}', 0, now() + interval '1 hour',
       jsonb_build_object('digest', encode(recovery.digest_of('{}'), 'hex')))`,
  ],
  [
    "another row of the audit",
    `SELECT jsonb_build_object('claim', p_claim, 'deadline', now(), 'seq', (entry).seq,
       'hash', encode((entry).hash, 'hex'), 'previousHash', encode((entry).previous_hash, 'hex'),
       'atMicros', (extract(epoch FROM (entry).at) * 1000000)::bigint::text, 'detail', (entry).detail)
     FROM recovery.append_audit('revoked', p_grant, p_claim, '{}') AS entry`,
  ],
];

test.for(lies)("nothing is opened without an intent: %s", async ([, body]) => {
  const grant = await askApproved(office, office.requester, [...forField(), "--max-records", "2"]);
  expect((await unmask(office.requester, grant)).code).toBe(0);
  await replace(claimSignature, { returns: "jsonb", body });
  const ended = await unmask(office.requester, grant);
  expect(ended).toMatchObject({ code: 30, stdout: "" });
  expect(ended.stderr).toContain("not the intent of this use");
});

test("a number of records that differs from the list is not signed", async () => {
  const grant = await ask(office.requester, forField());
  await office.admin("UPDATE recovery.access_grant SET record_count = 7 WHERE id = $1", [grant]);
  const { code, stderr } = await office.approver.recover(["approve", grant]);
  expect(code).toBe(3);
  expect(stderr).toContain("forged_approval");
});

test("a batch key of a recipient that was not signed is not moved", async () => {
  const grant = await askApproved(office, office.custodian, [
    "rewrap",
    "--from-key",
    "r0",
    "--to-key",
    "r1",
  ]);
  await replace("recovery.rewrap_next(p_claim uuid, p_after uuid, p_limit integer)", {
    returns: "TABLE (id uuid, recipient text, sealed bytea)",
    body: "SELECT id, recipient::text, sealed FROM maskline.batch_key",
  });
  const { code, stderr } = await office.custodian.recover(["rewrap", "--grant", grant]);
  expect(code).toBe(30);
  expect(stderr).toContain("not r0's");
});

test.for(["rewrap", "retoken"])(
  "%s touches nothing that was not listed, though the database hands it out",
  async (work) => {
    const isRewrap = work === "rewrap";
    const [from, to] = isRewrap ? ["r1", "r2"] : ["t1", "t2"];
    const kind = isRewrap ? "--recipient" : "--token";
    await office.custodian.recover(["keys", "add", kind]);
    await office.custodian.recover(["keys", "promote", to, kind]);
    const terms = [work, "--from-key", from, "--to-key", to];
    const grant = await askApproved(office, office.custodian, terms);
    await office.custodian.recover(["keys", "promote", from, kind]);
    const [late = ""] = await office.write([office.sample()]);
    if (isRewrap) {
      await replace("recovery.rewrap_next(p_claim uuid, p_after uuid, p_limit integer)", {
        returns: "TABLE (id uuid, recipient text, sealed bytea)",
        body: "SELECT id, recipient::text, sealed FROM maskline.batch_key WHERE recipient = 'r1' AND id > p_after ORDER BY id",
      });
    } else {
      await replace("recovery.retoken_next(p_claim uuid, p_after uuid, p_limit integer)", {
        returns:
          "TABLE (record_id uuid, create_date text, tokens jsonb, subject text, sealed bytea, seed bytea, batch_key_id uuid)",
        body: `SELECT record_id, create_date::text, '{}'::jsonb, NULL, NULL::bytea, NULL::bytea, NULL::uuid
        FROM ${table} WHERE record_id > p_after ORDER BY record_id`,
      });
    }
    if (!isRewrap) await office.custodian.recover(["keys", "promote", to ?? "", kind]);
    const ended = await office.custodian.recover([work, "--grant", grant]);
    expect(ended).toMatchObject({ code: 30, stdout: "" });
    expect(ended.stderr).toContain("was not approved");
    const [row] = await office.admin(
      `SELECT key.recipient, entry.${office.column} AS token
     FROM ${table} AS entry JOIN maskline.vault USING (record_id, create_date)
       JOIN maskline.batch_key AS key ON key.id = recovery.batch_key_of(vault.sealed)
     WHERE record_id = $1`,
      [late],
    );
    expect(row).toMatchObject({
      recipient: "r1",
      token: expect.stringMatching(/^mk1\.t1\./) as string,
    });
  },
);

test("nothing that it says steers the terminal of whoever reads it", async () => {
  const esc = "E'\\x1b[2J\\u202e'";
  const grant = await ask(office.requester, forField());
  await replace("recovery.requester_history(p_grant uuid)", {
    returns: "jsonb",
    body: `SELECT jsonb_build_object('days', ${esc}, 'grants', ${esc}, 'records', ${esc}, 'unusual', ARRAY[${esc}],
      'opened', jsonb_build_array(jsonb_build_object('contract', ${esc}, 'capability', ${esc}, 'field', ${esc}, 'grants', ${esc}, 'records', ${esc})))`,
  });
  await replace("recovery.state_of(p_grant recovery.access_grant)", {
    returns: "text",
    body: `SELECT ${esc}`,
  });
  await replace("recovery.list_quarantine(p_limit integer)", {
    returns:
      "TABLE (record_id uuid, message_id uuid, sent_at text, quarantined_on text, contract text, reason text, sql_state text)",
    body: `SELECT gen_random_uuid(), gen_random_uuid(), '2026-01-01T00:00:00Z', ${esc}, ${esc}, ${esc}, ${esc}`,
  });
  await replace("recovery.revoke(p_grant uuid)", {
    returns: "jsonb",
    body: `SELECT jsonb_build_object('refused', ${esc})`,
  });
  const { approver, custodian } = office;
  const ended = [
    await approver.recover(["list", "--grant", grant]),
    await approver.recover(["list", "--grant", grant, "--json"]),
    await approver.recover(["approve", grant]),
    await runRecover(["approve", grant], approver.env, "", false),
    await approver.recover(["revoke", grant]),
    await custodian.recover(["quarantine", "list"]),
  ];
  const said = ended.map(({ stdout, stderr }) => stdout + stderr);
  expect(said.filter((text) => text.includes("\\u001b"))).toHaveLength(said.length);
  expect(said.join("")).not.toMatch(/[^\P{C}\n]/u);
});
