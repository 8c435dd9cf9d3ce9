import { randomBytes, randomUUID } from "node:crypto";
import {
  type Answer,
  type Claim,
  connectRecovery,
  connectWriter,
  migrate,
  type Row,
} from "@org/db";
import type { Token } from "@org/masking";
import { type AnyContract, defineContract, login, subject, text } from "@org/schema";
import { testContracts } from "@org/schema/test-contracts";
import { Client, DatabaseError as PgError } from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { createBatch, createRows, createSealed, createToken } from "../batches.ts";
import { claimOf, commitment, type Office, openOffice } from "./people.ts";

const firstId = "00000000-0000-0000-0000-000000000000";

/** The row's tokens by field, as far as it has them. */
function tokensOf({ tokenColumns }: Office, { columns }: Row): Record<string, unknown> {
  const tokens = [...tokenColumns].map(([field, column]) => [field, columns[column]]);
  return Object.fromEntries(tokens.filter(([, token]) => token !== null));
}

/** What a request names a row's subject by. */
function subjectOf({ contract }: Office, { columns }: Row): object {
  const field = contract.fields.find(({ name }) => name === contract.subject);
  const value = columns[field?.column ?? ""];
  return field?.isMasked
    ? { kind: "subject", tokens: [value], ...commitment }
    : { kind: "subject", subject: String(value), ...commitment };
}

const codeOf = (attempt: Promise<unknown>): Promise<string | null> =>
  attempt.then(
    () => null,
    (error: unknown) => {
      if (error instanceof PgError) return error.code ?? "";
      return String((error as { sqlState?: unknown }).sqlState);
    },
  );

const inOrder = <T extends { readonly recordId: string }>(list: readonly T[]): T[] =>
  list.toSorted((a, b) => a.recordId.localeCompare(b.recordId));

const emptyKey = () => ({ id: randomUUID(), sealedKeys: [] });

describe.each(testContracts)("rows of $name", (contract: AnyContract) => {
  let office: Office;
  const table = `public."${contract.table}"`;

  beforeAll(async () => {
    office = await openOffice(contract);
  });

  afterAll(() => office[Symbol.asyncDispose]());

  it("are handed out with their tokens by field, and whose they are by the row", async () => {
    const rows = await office.write(3);
    const { recovery } = office.people.requester;
    const claim = await office.claimRecords(
      "unmask",
      rows.map(({ recordId }) => recordId),
    );
    const fetched = await recovery.claims.fetch(claim);
    const subjectField = contract.fields.find(({ name }) => name === contract.subject);
    expect(inOrder(fetched)).toEqual(
      inOrder(rows).map((row) => ({
        recordId: row.recordId,
        source: "row",
        sealed: Buffer.from(row.vault?.sealed ?? []),
        seed: Buffer.from(row.vault?.seed ?? []),
        batchKeyId: expect.any(String),
        tokens: tokensOf(office, row),
        subject: subjectField?.isMasked ? null : String(row.columns[subjectField?.column ?? ""]),
        sentAt: new Date(row.sentAtMs),
      })),
    );
    const keys = await recovery.claims.fetchBatchKeys(claim);
    expect(keys.map(({ id }) => id)).toEqual([fetched[0]?.batchKeyId]);
  });

  it("are found by a token in whichever column, and by their subject", async () => {
    const [row] = await office.write(2);
    if (row === undefined) throw new Error("Nothing was written.");
    const ids = async (selector: object): Promise<readonly string[]> => {
      const grant = await office.grant({ capability: "unmask", selector: selector as never });
      return office.people.requester.recovery.grants.records(grant);
    };
    for (const token of Object.values(tokensOf(office, row))) {
      expect(await ids({ kind: "token", token })).toEqual([row.recordId]);
    }
    expect(await ids(subjectOf(office, row))).toContain(row.recordId);
  });

  it("are shown by a look-up in each column that the contract has, in its order", async () => {
    const [row] = await office.write(1);
    const { recovery } = office.people.requester;
    for (const [field, column] of office.tokenColumns) {
      const token = row?.columns[column];
      if (typeof token !== "string") continue;
      const claim = claimOf(
        await recovery.claims.claimLookup({
          grant: await office.grant({
            capability: "lookup",
            selector: { kind: "value", tokens: [token] },
            fields: [field],
          }),
          claim: randomUUID(),
          field,
          tokens: [token],
        }),
      );
      const [found, ...others] = await recovery.claims.fetchLookup(claim, 10);
      expect(others).toEqual([]);
      expect(found?.recordId).toBe(row?.recordId);
      expect(Object.keys(found?.columns ?? {})).toEqual(
        contract.columns.filter(({ from }) => from.kind !== "system").map(({ name }) => name),
      );
      expect(found?.columns[column]).toBe(token);
    }
  });

  it("erased do not come back, whoever puts copies of seed and record in again", async () => {
    const rows = await office.write(3);
    const refused = await office.quarantine(1);
    const [byId, bySubject] = rows as [Row, Row];
    const { custodian, requester } = office.people;
    const ids = rows.map(({ recordId }) => recordId);
    // Approved before anything is erased.
    const claim = await office.claimRecords("unmask", ids);
    const body = await office.claimRecords("unmask", [refused[0]?.recordId ?? ""], "quarantine");
    expect(await requester.recovery.claims.fetch(claim)).toHaveLength(3);

    const selectors = [
      { kind: "records", ids: [byId.recordId] },
      subjectOf(office, bySubject),
      { kind: "quarantine", ids: refused.map(({ recordId }) => recordId) },
    ] as const;
    for (const selector of selectors) {
      const erasing = await office.claimWork({ capability: "erase", selector: selector as never });
      const given = "subject" in selector ? { subject: String(selector.subject) } : {};
      while (
        !(await custodian.recovery.work.eraseNext({ claim: erasing, limit: 2, ...given })).isDone
      );
    }
    const [stored] = await office.read<Record<string, string | null>>(
      `SELECT * FROM ${table} WHERE record_id = $1`,
      [byId.recordId],
    );
    for (const column of office.tokenColumns.values()) {
      expect(stored?.[column]).toBe(byId.columns[column] === null ? null : "erased");
    }

    // As a stolen login of the consumer's would.
    await using thief = connectWriter({
      connection: { connectionString: await office.database.createLogin("maskline_writer") },
      contract,
    });
    const copies = [byId, bySubject].map((row) => ({ ...row, messageId: randomUUID() }));
    await expect(thief.write(createBatch({ rows: copies }))).rejects.toMatchObject({
      kind: "data",
    });
    const otherDay = copies.map((row) => ({ ...row, sentAtMs: row.sentAtMs - 86_400_000 }));
    await thief.write(createBatch({ rows: otherDay }));
    for (const { recordId, vault } of copies) {
      await office.read("SET ROLE maskline_writer");
      for (const [name, bytes] of Object.entries(vault ?? {})) {
        const into =
          name === "seed"
            ? "seed (record_id, create_date, seed)"
            : "vault (record_id, create_date, sealed)";
        await office.read(
          `INSERT INTO maskline.${into} VALUES ($1, (now() AT TIME ZONE 'UTC')::date, $2)`,
          [recordId, bytes],
        );
      }
      await office.read("RESET ROLE");
    }
    await thief.write(
      createBatch({ quarantined: refused.map((entry) => ({ ...entry, messageId: randomUUID() })) }),
    );

    const fetched = await requester.recovery.claims.fetch(claim);
    const handedOut = fetched.map(({ recordId }) => recordId);
    expect(handedOut).not.toContain(byId.recordId);
    expect(handedOut).not.toContain(bySubject.recordId);
    expect(await requester.recovery.claims.fetch(body)).toEqual([]);
    const records = { kind: "records", ids: [byId.recordId] } as const;
    expect(await office.request({ capability: "unmask", selector: records })).toEqual({
      refused: "stands_twice",
    });
    await office.read(
      `DELETE FROM ${table} WHERE record_id = $1 AND create_date = (now() AT TIME ZONE 'UTC')::date`,
      [byId.recordId],
    );
    const again = await office.claimRecords("unmask", [byId.recordId]);
    expect(await requester.recovery.claims.fetch(again)).toEqual([]);
    expect(await requester.recovery.claims.fetchBatchKeys(again)).toEqual([]);
    const retokening = await office.claimWork({
      capability: "retoken",
      selector: { kind: "token_key", from: "k1", to: "k2" },
    });
    const listed = await custodian.recovery.work.retokenNext(retokening, {
      after: firstId,
      limit: 10_000,
    });
    const reinserted = listed.filter(({ recordId }) =>
      [byId.recordId, bySubject.recordId].includes(recordId),
    );
    expect(reinserted.map(({ vault }) => vault)).toEqual([null, null]);
  });

  it("with erased tokens are not handed out, though their seed and record stand", async () => {
    const [row] = await office.write(1);
    const claim = await office.claimRecords("unmask", [row?.recordId ?? ""]);
    const [column] = office.tokenColumns.values();
    await office.read(`UPDATE ${table} SET ${column} = 'erased' WHERE record_id = $1`, [
      row?.recordId,
    ]);
    expect(await office.people.requester.recovery.claims.fetch(claim)).toEqual([]);
  });

  it("are moved to another key, all tokens of a row together, and to that key alone", async () => {
    const [row] = await office.write(1);
    if (row?.vault === null || row === undefined) throw new Error("Nothing was sealed.");
    const { work } = office.people.custodian.recovery;
    const claim = await office.claimWork({
      capability: "retoken",
      selector: { kind: "token_key", from: "k1", to: "k2" },
    });
    const listed = await work.retokenNext(claim, { after: firstId, limit: 10_000 });
    const found = listed.find(({ recordId }) => recordId === row.recordId);
    expect(found?.tokens).toEqual(tokensOf(office, row));
    const fresh = (kid: string) => ({
      recordId: row.recordId,
      createDate: found?.createDate ?? "",
      oldSeed: row.vault?.seed as never,
      tokens: Object.fromEntries(
        Object.keys(tokensOf(office, row)).map((field) => [field, createToken(kid)]),
      ) as Record<string, Token>,
      ...createSealed(),
    });
    expect(await codeOf(work.retokenStore(claim, emptyKey(), [fresh("k3")]))).toBe("22023");
    const moved = fresh("k2");
    expect(await work.retokenStore(claim, emptyKey(), [moved])).toBe(1);
    // Its seed is another now.
    expect(await work.retokenStore(claim, emptyKey(), [fresh("k2")])).toBe(0);
    const [stored] = await office.read<Record<string, string | null>>(
      `SELECT * FROM ${table} WHERE record_id = $1`,
      [row.recordId],
    );
    for (const [field, column] of office.tokenColumns) {
      expect(stored?.[column] ?? undefined).toBe(moved.tokens[field]);
    }
    const usage = await work.keyUsage();
    expect(usage).toContainEqual({
      kind: "token",
      contract: contract.name,
      kid: "k2",
      uses: Object.keys(moved.tokens).length,
    });
  });

  it("come out of quarantine with tokens in their masked columns, or not at all", async () => {
    const [refused] = await office.quarantine(1);
    const [like] = await office.write(1);
    if (refused === undefined || like === undefined) throw new Error("Nothing was written.");
    const { work } = office.people.custodian.recovery;
    const claim = await office.claimRecords("retry", [refused.recordId]);
    const [column = ""] = office.tokenColumns.values();
    const { recordId } = refused;
    const plaintext = { ...like.columns, [column]: "198.51.100.77" };
    expect(await work.retryStore(claim, { recordId, columns: plaintext, vault: null })).toBe(
      "22023",
    );
    const vault = { key: emptyKey(), ...createSealed() };
    expect(await work.retryStore(claim, { recordId, columns: like.columns, vault })).toBeNull();
    const names = contract.columns.map(({ name }) => `"${name}"::text`).join(", ");
    const [made, pattern] = await Promise.all(
      [recordId, like.recordId].map(async (id) => {
        const [row] = await office.read(`SELECT ${names} FROM ${table} WHERE record_id = $1`, [id]);
        return row;
      }),
    );
    expect(made).toEqual({
      ...pattern,
      record_id: recordId,
      message_id: refused.messageId,
      sent_at: expect.any(String),
      create_date: expect.any(String),
    });
    expect(
      await office.read("SELECT outcome::text FROM maskline.ledger WHERE message_id = $1", [
        refused.messageId,
      ]),
    ).toEqual([{ outcome: "row" }]);
  });
});

describe("a contract's grant", () => {
  const note = defineContract({
    name: "note",
    table: "notes",
    fields: { person: subject(text({ max: 36 })) },
  });
  let office: Office;

  beforeAll(async () => {
    office = await openOffice(login);
    await migrate(office.database.adminUrl, { contract: note });
  });

  afterAll(() => office[Symbol.asyncDispose]());

  it("finds nothing of another contract's", async () => {
    const [row] = await office.write(1);
    const [refused] = await office.quarantine(1);
    const ofNotes = { contract: note.name, capability: "erase" } as const;
    for (const selector of [
      { kind: "records", ids: [row?.recordId ?? ""] },
      { kind: "quarantine", ids: [refused?.recordId ?? ""] },
    ] as const) {
      expect(await office.request({ ...ofNotes, selector })).toEqual({
        refused: "nothing_matches",
      });
    }
    expect(
      await office.request({
        ...ofNotes,
        contract: "nobodys",
        selector: { kind: "records", ids: [randomUUID()] },
      }),
    ).toEqual({
      refused: "no_such_contract",
    });
  });

  it("asks for fields of its own", async () => {
    const selector = { kind: "records", ids: [randomUUID()] } as const;
    for (const fields of [["body"], ["locale"], ["ip", "nothing"], []]) {
      expect(await office.request({ capability: "unmask", selector, fields })).toEqual({
        refused: "wrong_fields",
      });
    }
  });
});

describe("the database", () => {
  let office: Office;

  beforeAll(async () => {
    office = await openOffice(login);
  });

  afterAll(() => office[Symbol.asyncDispose]());

  it("shows nothing of what the current transaction made, in a savepoint neither", async () => {
    const rows = await office.write(2);
    const { requester } = office.people;
    const selector = JSON.stringify({ kind: "records", ids: rows.map(({ recordId }) => recordId) });
    const request = JSON.stringify({
      tenant: "default",
      contract: login.name,
      capability: "unmask",
      fields: ["ip"],
      selector: JSON.parse(selector),
      purpose: "fraud",
      ticket: "SEC-1",
      justification: "x",
      reveal: "full",
      maxRecords: null,
      minutes: 60,
    });
    const asked = `(recovery.request_access($1) ->> 'grant')::uuid`;
    for (const [before, after] of [
      ["", ""],
      ["SAVEPOINT one", "SAVEPOINT two"],
    ]) {
      const client = new Client({ connectionString: requester.url });
      await client.connect();
      onTestFinished(() => client.end());
      await client.query("BEGIN");
      if (before) await client.query(before);
      const made = await client.query(`SELECT ${asked} AS grant`, [request]);
      if (after) await client.query(after);
      const grant = made.rows[0].grant;
      const shown = async (): Promise<unknown[]> => [
        (await client.query("SELECT recovery.show_grant($1) AS grant", [grant])).rows[0].grant,
        ...(await client.query("SELECT recovery.list_grants(1000)")).rows.filter(
          (row) => row.list_grants.id === grant,
        ),
        ...(await client.query("SELECT recovery.grant_records($1)", [grant])).rows,
        ...(await client.query("SELECT recovery.grant_audit($1)", [grant])).rows,
      ];
      expect(await shown()).toEqual([null]);
      await client.query("COMMIT");
      expect(await shown()).toHaveLength(3);

      await client.query("BEGIN");
      if (before) await client.query(before);
      const resolved = await client.query("SELECT recovery.resolve_request($1, $2) AS answer", [
        grant,
        selector,
      ]);
      expect(resolved.rows[0].answer).toEqual({ grant });
      if (after) await client.query(after);
      expect(await shown()).toEqual([null]);
      await client.query("ROLLBACK");
    }
  });

  it("shows what became of a grant to who may see it, without what others tried", async () => {
    const { requester, approver, auditor, custodian } = office.people;
    const [row] = await office.write(1);
    const selector = { kind: "records", ids: [row?.recordId ?? ""] } as const;
    const grant = await office.grant({ capability: "unmask", selector });
    const actions = async ({ recovery }: typeof requester): Promise<string[]> =>
      (await recovery.grants.audit(grant)).map(({ action }) => action);
    await requester.recovery.grants.reportRefusal(grant, "confirmation_declined");
    for (const person of [requester, approver, auditor]) {
      expect(await actions(person)).toEqual(["requested", "resolved", "approved"]);
    }
    expect(await actions(custodian)).toEqual([]);
  });

  it("tells whether anything matched only once it is on record", async () => {
    const { requester } = office.people;
    const wanted = { kind: "records", ids: [randomUUID()] } as const;
    expect(await office.request({ capability: "unmask", selector: wanted })).toEqual({
      refused: "nothing_matches",
    });
    const ended = await requester.recovery.grants.list(1000);
    expect(ended.filter(({ state }) => state === "denied")).toMatchObject([
      { ended: "nothing_matches" },
    ]);
  });

  it("hands out or changes nothing sealed but under read committed", async () => {
    const rows = await office.write(1);
    const refused = await office.quarantine(1);
    const ids = rows.map(({ recordId }) => recordId);
    const claims = {
      unmask: await office.claimRecords("unmask", ids),
      retry: await office.claimRecords(
        "retry",
        refused.map(({ recordId }) => recordId),
      ),
      erase: await office.claimWork({ capability: "erase", selector: { kind: "records", ids } }),
      rewrap: await office.claimWork({
        capability: "rewrap",
        selector: { kind: "recipient", from: "r1", to: "r2" },
      }),
      retoken: await office.claimWork({
        capability: "retoken",
        selector: { kind: "token_key", from: "k1", to: "k2" },
      }),
    };
    // Whatever takes a claim acts under it, but for those that open one, or end it.
    const functions = await office.read<{ name: string; parameters: string[]; types: string[] }>(`
      SELECT proname AS name, proargnames[1:pronargs] AS parameters,
        ARRAY(SELECT format_type(type, NULL) FROM unnest(proargtypes) AS type) AS types
      FROM pg_proc, aclexplode(proacl) AS acl
      WHERE pronamespace = 'recovery'::regnamespace AND 'p_claim' = ANY (proargnames[1:pronargs])
        AND grantee <> proowner AND proname !~ '^(claim|report_result)'
      GROUP BY pg_proc.oid, 1, 2, 3`);
    expect(functions.length).toBeGreaterThan(10);
    for (const { name, parameters, types } of functions) {
      for (const [capability, claim] of Object.entries(claims)) {
        const person = capability === "unmask" ? office.people.requester : office.people.custodian;
        const given = parameters.map(
          (parameter, at) =>
            `${parameter} => ${parameter === "p_claim" ? `'${claim}'` : "NULL"}::${types[at]}`,
        );
        const text = `SELECT * FROM recovery.${name}(${given.join(", ")})`;
        for (const level of ["REPEATABLE READ", "SERIALIZABLE"]) {
          const attempt = office.tried(person, [{ text }], undefined, level);
          const code = await codeOf(attempt);
          expect([name, capability, level, ["MK003", "42501"].includes(code ?? "")]).toEqual([
            name,
            capability,
            level,
            true,
          ]);
        }
      }
    }
  });

  it("opens nothing of a record that somebody wrote again under another day, and erases both", async () => {
    const [row] = await office.write(1);
    if (row === undefined) throw new Error("Nothing was written.");
    const { recordId, sentAtMs } = row;
    await using thief = connectWriter({
      connection: { connectionString: await office.database.createLogin("maskline_writer") },
      contract: office.contract,
    });
    const copy = { ...row, messageId: randomUUID(), sentAtMs: sentAtMs - 40 * 86_400_000 };
    await thief.write(createBatch({ rows: [copy] }));
    const asked = await office.request({
      capability: "unmask",
      selector: { kind: "records", ids: [recordId] },
    });
    expect(asked).toEqual({ refused: "stands_twice" });
    const claim = await office.claimWork({
      capability: "erase",
      selector: { kind: "records", ids: [recordId] },
    });
    const { work, erasure } = office.people.custodian.recovery;
    expect(await work.eraseNext({ claim, limit: 10 })).toMatchObject({ erased: 1, seeds: 2 });
    const places = await erasure.ofRecord(recordId);
    expect(places.filter(({ reason }) => reason === "stands")).toEqual([]);
    expect(places.find(({ place }) => place === "seeds")?.relations).toHaveLength(2);
  });

  it("erases what a retry makes a row of meanwhile", async () => {
    const [refused] = await office.quarantine(1);
    const id = refused?.recordId ?? "";
    const retry = await office.claimRecords("retry", [id]);
    const erasing = await office.claimWork({
      capability: "erase",
      selector: { kind: "quarantine", ids: [id] },
    });
    const { custodian } = office.people;
    const retrying = new Client({ connectionString: custodian.url });
    await retrying.connect();
    await retrying.query("BEGIN");
    const row = JSON.stringify(createRows(login)().columns);
    await retrying.query("SELECT recovery.retry_store($1, $2, $3, $4, $5)", [
      retry,
      id,
      row,
      randomBytes(250),
      randomBytes(32),
    ]);
    const erased = custodian.recovery.work.eraseNext({ claim: erasing, limit: 10 });
    const waiting =
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    await vi.waitUntil(async () => (await office.read(waiting)).length > 0, { timeout: 20_000 });
    await retrying.query("COMMIT");
    await retrying.end();
    await erased;
    const tokens = [...office.tokenColumns.values()].map((column) => `entry.${column}`);
    expect(
      await office.read(
        `SELECT ${tokens.join(", ")}, seed.seed, vault.sealed FROM public.user_logins AS entry
           LEFT JOIN maskline.seed USING (record_id, create_date)
           LEFT JOIN maskline.vault USING (record_id, create_date)
         WHERE record_id = $1`,
        [id],
      ),
    ).toEqual([
      {
        ...Object.fromEntries(
          [...office.tokenColumns.values()].map((column) => [column, "erased"]),
        ),
        seed: null,
        sealed: null,
      },
    ]);
  });

  it("counts many small requests of a day as one large one", async () => {
    const ids = (await office.write(60)).map(({ recordId }) => recordId);
    const url = await office.database.createLogin("maskline_requester");
    await using recovery = connectRecovery({ connectionString: url });
    const required = async (): Promise<number | undefined> => {
      const asked = await recovery.grants.request({
        tenant: "default",
        contract: login.name,
        capability: "unmask",
        fields: ["ip"],
        selector: { kind: "records", ids },
        purpose: "fraud",
        ticket: "SEC-1",
        justification: "A test of recovery",
        reveal: "full",
        maxRecords: null,
        minutes: 60,
      });
      const grant = (asked as { grant: string }).grant;
      return (await recovery.grants.show(grant))?.approvalsRequired;
    };
    expect(await required()).toBe(1);
    expect(await required()).toBe(2);
    const [first] = await recovery.grants.list(10);
    // One that was never used, and never will be, does not count.
    await recovery.grants.revoke(first?.id ?? "");
    const own = "WHERE requester = $1 AND revoked_at IS NULL";
    const day = "SET created_at = created_at - interval '25 hours'";
    expect(await required()).toBe(2);
    await office.read(`UPDATE recovery.access_grant ${day} ${own}`, [new URL(url).username]);
    expect(await required()).toBe(1);
  });

  it("counts requests together that waited for a day to be resolved", async () => {
    const ids = (await office.write(60)).map(({ recordId }) => recordId);
    const url = await office.database.createLogin("maskline_requester");
    const client = new Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    const selector = { kind: "records", ids };
    const request = {
      tenant: "default",
      contract: login.name,
      capability: "unmask",
      fields: ["ip"],
      selector,
      purpose: "fraud",
      ticket: "SEC-1",
      justification: "x",
      reveal: "full",
      maxRecords: null,
      minutes: 3_000,
    };
    const made = await client.query<{ id: string }>(
      "SELECT recovery.request_access($1) ->> 'grant' AS id FROM generate_series(1, 2)",
      [JSON.stringify(request)],
    );
    const day = "SET created_at = created_at - interval '25 hours' WHERE requester = $1";
    await office.read(`UPDATE recovery.access_grant ${day}`, [new URL(url).username]);
    const required: unknown[] = [];
    for (const { id } of made.rows) {
      await client.query("SELECT recovery.resolve_request($1, $2)", [id, JSON.stringify(selector)]);
      const shown = await client.query("SELECT recovery.show_grant($1) AS grant", [id]);
      required.push(shown.rows[0].grant.approvalsRequired);
    }
    expect(required).toEqual([1, 2]);
  });

  it("limits refusals of a person and hour, and beyond answers nothing", async () => {
    await office.read("UPDATE recovery.policy SET refusals_per_hour = 5");
    const url = await office.database.createLogin("maskline_requester");
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ answer: { refused: string } }>(
      "SELECT recovery.claim_lookup(gen_random_uuid(), 'ip', ARRAY[$1], gen_random_uuid()) AS answer FROM generate_series(1, 100)",
      [createToken()],
    );
    await client.end();
    const codes = rows.map(({ answer }) => answer.refused);
    expect(codes.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => "no_such_grant"));
    expect(new Set(codes.slice(5))).toEqual(new Set(["too_many_refusals"]));
    const [{ count } = { count: -1 }] = await office.read<{ count: number }>(
      "SELECT count(*)::integer AS count FROM recovery.audit WHERE actor = $1",
      [new URL(url).username],
    );
    expect(count).toBe(5);
    await office.read("UPDATE recovery.policy SET refusals_per_hour = DEFAULT");
  });

  it("takes the same decision twice as one, and another one as a refusal", async () => {
    const { approver, requester } = office.people;
    const [row] = await office.write(1);
    const asked = await office.request({
      capability: "unmask",
      selector: { kind: "records", ids: [row?.recordId ?? ""] },
    });
    const grant = "grant" in asked ? asked.grant : "";
    const decide = (decision: "approve" | "deny", byte = 1) =>
      approver.recovery.grants.decide(grant, {
        decision,
        keyId: "0123456789abcdef",
        signature: new Uint8Array(64).fill(byte),
        login: approver.login,
      });
    expect(await decide("approve")).toEqual({ state: "live" });
    expect(await decide("approve", 2)).toEqual({ state: "live" });
    expect(await decide("deny")).toEqual({ refused: "grant_live" });
    const shown = await requester.recovery.grants.show(grant);
    expect(shown?.approvals).toHaveLength(1);
    const [{ count } = { count: -1 }] = await office.read<{ count: number }>(
      "SELECT count(*)::integer AS count FROM recovery.audit WHERE grant_id = $1 AND action = 'approved'",
      [grant],
    );
    expect(count).toBe(1);
  });

  it("keeps ids and subjects as digest and MAC, in grant and audit", async () => {
    const rows = await office.write(3);
    const person = String(rows[0]?.columns[login.subject]);
    const ids = rows.map(({ recordId }) => recordId);
    for (const selector of [
      { kind: "records", ids },
      { kind: "subject", subject: person, ...commitment },
    ] as const) {
      const grant = await office.grant({ capability: "unmask", selector });
      const shown = await office.people.requester.recovery.grants.show(grant);
      const kept = JSON.stringify([
        shown,
        await office.read("SELECT detail FROM recovery.audit WHERE grant_id = $1", [grant]),
        await office.read("SELECT access_grant::text FROM recovery.access_grant WHERE id = $1", [
          grant,
        ]),
      ]);
      for (const value of [...ids, person]) expect(kept).not.toContain(value);
    }
  });

  it("pages the audit by bytes", async () => {
    const { audit } = office.people.auditor.recovery;
    await office.read(
      `INSERT INTO recovery.audit SELECT -1000 + n, now(), 'x', 'refused', NULL, NULL, repeat('x', 16384), hash, hash
       FROM recovery.audit_head, generate_series(1, 600) AS n`,
    );
    const pages: number[] = [];
    let after = -2000;
    for (;;) {
      const rows = await audit.read(after, 10_000);
      const last = rows.at(-1);
      if (last === undefined) break;
      pages.push(rows.reduce((sum, { detail }) => sum + detail.length, 0));
      after = last.seq;
    }
    expect(pages.length).toBeGreaterThan(2);
    expect(Math.max(...pages)).toBeLessThanOrEqual(4_194_304 + 16_384);
    await office.read("DELETE FROM recovery.audit WHERE seq < 0");
  });

  it("keeps no sealed value in its statistics, in no partition", async () => {
    await office.write(50);
    await office.quarantine(50);
    await office.read("ANALYZE");
    expect(
      await office.read(`SELECT starelid::regclass::text, attname FROM pg_statistic
        JOIN pg_attribute ON attrelid = starelid AND attnum = staattnum
        WHERE attname IN ('seed', 'sealed') AND starelid IN (SELECT oid FROM pg_class
          WHERE relnamespace = 'maskline'::regnamespace)`),
    ).toEqual([]);
    const [{ found } = { found: null }] = await office.read<{ found: boolean }>(`
      SELECT bool_or(strpos(kept::text, encode(seed, 'hex')) > 0) AS found
      FROM pg_statistic AS kept, maskline.seed`);
    expect(found).toBe(false);
  });

  it("answers everything in forms that no setting changes", async () => {
    const rows = await office.write(1);
    const strange = [
      "DateStyle = 'German'",
      "TimeZone = 'Asia/Kathmandu'",
      "IntervalStyle = 'sql_standard'",
      "bytea_output = 'escape'",
    ];
    const { requester } = office.people;
    const claim = await office.claimRecords(
      "unmask",
      rows.map(({ recordId }) => recordId),
    );
    const [before] = await requester.recovery.claims.fetch(claim);
    const client = new Client({ connectionString: requester.url });
    await client.connect();
    for (const setting of strange) await client.query(`SET ${setting}`);
    const { rows: fetched } = await client.query("SELECT sent_at FROM recovery.fetch($1)", [claim]);
    expect(new Date(fetched[0].sent_at)).toEqual(before?.sentAt);
    await client.end();
  });

  it("begins work under one grant so often an hour, and no more", async () => {
    const { custodian } = office.people;
    const [row] = await office.write(1);
    const grant = await office.grant({
      capability: "erase",
      selector: { kind: "records", ids: [row?.recordId ?? ""] },
    });
    const begin = (): Promise<Answer<Claim>> =>
      custodian.recovery.work.claim({ grant, capability: "erase", claim: randomUUID() });
    await office.read("UPDATE recovery.policy SET requests_per_hour = 1");
    await custodian.recovery.claims.reportResult(claimOf(await begin()), { outcome: "failed" });
    expect(await begin()).toEqual({ refused: "too_many_claims" });
    await office.read("UPDATE recovery.policy SET requests_per_hour = 100000");
  });

  it("opens no work under a grant that was not approved, or for another subject", async () => {
    const { custodian } = office.people;
    const [row] = await office.write(1);
    const person = String(row?.columns[login.subject]);
    const grant = await office.grant({
      capability: "erase",
      selector: { kind: "subject", subject: person, ...commitment },
    });
    const open = (given: string | undefined) =>
      custodian.recovery.work.claim({
        grant,
        capability: "erase",
        claim: randomUUID(),
        subject: given,
      });
    expect(await open("somebody else")).toEqual({ refused: "wrong_records" });
    expect(await open(undefined)).toEqual({ refused: "wrong_records" });
    expect(await open(person)).toMatchObject({ claim: expect.any(String) });
  });
});
