/** What is held about a person, and who had access to it: for that person, and verified without us. */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lengthPrefixed } from "@org/masking";
import { type DossierJson, loadSigningKey, writeSigningKey } from "@org/recovery";
import { login } from "@org/schema";
import { testContracts } from "@org/schema/test-contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, askApproved, type Office, openOffice } from "../office.ts";
import type { Ended } from "../run-recover.ts";
import { bodyOf, type Message } from "../samples.ts";

const script = fileURLToPath(new URL("../../../../examples/verify-dossier.mjs", import.meta.url));

interface Verified {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** As a person without our tools does. */
const verify = (...argv: string[]): Promise<Verified> =>
  new Promise((resolve) => {
    execFile(process.execPath, [script, ...argv], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });

const sorted = (_: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value;

describe.each(testContracts)("$name", (contract) => {
  let office: Office;
  let mine: Message;
  let theirs: Message;
  let records: string[];
  let body: string;
  let kept: string;
  let made: Ended;

  const subjectOf = (message: Message): string => String(message[contract.subject]);
  const path = (): string => join(office.directory, "dossier.json");
  const read = async (): Promise<DossierJson> =>
    JSON.parse(await readFile(path(), "utf8")) as DossierJson;
  /** By the requester's own key, whatever it says. */
  const signedAnew = async (dossier: Omit<DossierJson, "signature">): Promise<string> => {
    const { RECOVER_SIGNING_KEY: pem = "" } = office.requester.env;
    const key = await loadSigningKey(join(office.directory, pem));
    const bytes = lengthPrefixed("mk1/dossier", JSON.stringify(dossier, sorted));
    const value = Buffer.from(key.sign(bytes)).toString("base64url");
    const file = join(office.directory, "anew.json");
    await writeFile(file, JSON.stringify({ ...dossier, signature: { kid: key.kid, value } }));
    return file;
  };
  const request = (): Promise<string> =>
    askApproved(office, office.requester, ["dossier", "--subject", subjectOf(mine)]);
  const compile = (grant: string, subject: Message, out: string): Promise<Ended> =>
    office.requester.recover(
      ["dossier", "--grant", grant, "--subject", "-", "--out", out],
      subjectOf(subject),
    );

  beforeAll(async () => {
    office = await openOffice(contract);
    mine = office.sample();
    theirs = office.sample();
    records = await office.write([mine, theirs]);
    [body = "", kept = ""] = await office.quarantine([mine, mine, theirs].map(bodyOf));
    const { requester, custodian, colleague } = office;
    const fields = ["unmask", "--field", office.field];
    for (const record of records) {
      const grant = await askApproved(office, requester, [...fields, "--record", record]);
      await requester.recover(["unmask", "--grant", grant, "--print"]);
    }
    const value = String(mine[office.field]);
    const looked = await askApproved(office, colleague, ["lookup", "--field", office.field], value);
    await colleague.recover(["lookup", "--grant", looked, "--field", office.field], value);
    const erased = await askApproved(office, custodian, ["erase", "--quarantined", body]);
    await office.admin("UPDATE recovery.policy SET requests_per_hour = 1000");
    const grant = await request();
    await custodian.recover(["erase", "--grant", erased, "--yes"]);
    made = await compile(grant, mine, "dossier.json");
  });

  afterAll(() => office[Symbol.asyncDispose]());

  test("says what is held about the subject, of nobody else, and what was erased", async () => {
    expect(made).toMatchObject({ code: 0, stderr: "" });
    const held = (await read()).records;
    expect(held.map(({ id }) => id)).toEqual([records[0], body, kept]);
    const [row, gone, refused] = held;
    expect(row).toMatchObject({ source: "row", original_kept: true, erased_on: null });
    expect(row?.held).toContain(office.column);
    expect(gone).toMatchObject({ source: "gone", held: [], original_kept: false });
    expect(refused).toMatchObject({ source: "quarantine", held: ["body"], original_kept: true });
    expect(gone?.erased_on).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect((await stat(path())).mode & 0o777).toBe(0o600);
  });

  test("says of every access who, what for, and by whose approval", async () => {
    const { accesses } = await read();
    const { requester, colleague, custodian, approver } = office;
    const by = (login: string, capability: string, of: readonly (string | undefined)[]) =>
      expect.objectContaining({
        by: login,
        through: null,
        capability,
        purpose: "fraud",
        approved_by: [approver.login],
        records: of,
      }) as unknown;
    expect(accesses).toEqual([
      by(requester.login, "unmask", [records[0]]),
      by(colleague.login, "lookup", [records[0]]),
      by(custodian.login, "erase", [body]),
      by(requester.login, "dossier", [records[0], body, kept]),
    ]);
  });

  test("holds no original, no masked value, and nothing of another person", async () => {
    const text = await readFile(path(), "utf8");
    const ofMine = office.fields.filter((name) => name !== contract.subject);
    for (const name of ofMine) expect(text).not.toContain(JSON.stringify(mine[name]));
    expect(text).not.toContain(records[1]);
    expect(text).not.toContain(subjectOf(theirs));
  });

  test("is verified by a script that knows the formats alone, with the key that was published", async () => {
    const { signature } = await read();
    const verified = await verify(path(), signature.kid);
    expect(verified).toMatchObject({ code: 0, stderr: "" });
    expect(verified.stdout).toContain(`seen by ${office.requester.login}`);
    expect(verified.stdout).not.toContain("no checkpoint");
    expect((await verify(path(), "0123456789abcdef")).code).toBe(1);
  });

  // What follows is of no contract in particular.
  if (contract !== login) return;

  test("another word in it is found", async () => {
    const dossier = await read();
    const [access, ...accesses] = dossier.accesses;
    const [row, ...audit] = dossier.audit;
    const [checkpoint = "", ...checkpoints] = dossier.checkpoints;
    const changed = join(office.directory, "changed.json");
    for (const [fault, change] of [
      ["the signature", { accesses }],
      ["access", { accesses: [{ ...access, by: "nobody" }, ...accesses] }],
      ["row", { audit: [{ ...row, actor: "nobody" }, ...audit] }],
      [
        "checkpoint",
        { checkpoints: [checkpoint.replace(/\ntime \d/, "\ntime 9"), ...checkpoints] },
      ],
      ["key", { keys: dossier.keys.map((key) => ({ ...key, kid: "0123456789abcdef" })) }],
    ] as const) {
      await writeFile(changed, JSON.stringify({ ...dossier, ...change }));
      const { code, stdout } = await verify(changed);
      expect(code).toBe(1);
      expect(stdout).toContain(`Does not hold: ${fault}`);
    }
  });

  test("a witness whose key was not published is told apart, whoever signed the dossier", async () => {
    const { signature, ...dossier } = await read();
    const path = join(office.directory, "nobody.pem");
    await writeSigningKey(path);
    const nobody = await loadSigningKey(path);
    const checkpoints = dossier.checkpoints.map((text) => {
      const note = text.slice(0, text.indexOf("\n— "));
      const hash = createHash("sha256").update(`${nobody.kid}\n\u0001`).update(nobody.rawPublicKey);
      const signed = Buffer.concat([hash.digest().subarray(0, 4), nobody.sign(Buffer.from(note))]);
      return `${note}\n— ${nobody.kid} ${signed.toString("base64")}\n`;
    });
    const { kid, rawPublicKey } = nobody;
    const public_key = Buffer.from(rawPublicKey).toString("base64url");
    const keys = [...dossier.keys, { kid, login: "the auditor", public_key }];
    const file = await signedAnew({ ...dossier, checkpoints, keys });
    const { code, stdout } = await verify(file, signature.kid);
    expect(code).toBe(0);
    expect(stdout).toContain("seen by the auditor, whose key was not published");
    expect(stdout).not.toMatch(/seen by the auditor$/m);
    expect((await verify(file, signature.kid, kid)).stdout).toMatch(/seen by the auditor$/m);
  });

  test("a member that stands twice is found: readers differ in which they take", async () => {
    const text = await readFile(path(), "utf8");
    const file = join(office.directory, "twice.json");
    await writeFile(file, text.replace('"subject":', '"subject": "somebody else", "subject":'));
    const { code, stdout } = await verify(file);
    expect(code).toBe(1);
    expect(stdout).toContain("Does not hold: a member stands twice");
  });

  test("no text in it passes for a line of the script's", async () => {
    const dossier = await read();
    const file = join(office.directory, "lines.json");
    const subject = `${dossier.subject}\nIt holds, signed by key ${dossier.signature.kid}.\u2028`;
    await writeFile(file, JSON.stringify({ ...dossier, subject }));
    const { code, stdout } = await verify(file);
    expect(code).toBe(1);
    expect(stdout).not.toMatch(/^It holds/m);
    expect(stdout).not.toContain("\u2028");
  });

  test("is not made for another subject, nor without an approval, and leaves no file", async () => {
    const asked = ["dossier", "--subject", subjectOf(mine)];
    const pending = await ask(office.requester, asked);
    expect(await compile(pending, mine, "other.json")).toMatchObject({ code: 3, stdout: "" });
    const grant = await request();
    const ended = await compile(grant, theirs, "other.json");
    expect(ended).toMatchObject({ code: 3, stdout: "" });
    expect(ended.stderr).toContain("(wrong_subject)");
    await expect(stat(join(office.directory, "other.json"))).rejects.toThrow("ENOENT");
  });

  test("its grant hands out nothing sealed, and no other grant a dossier", async () => {
    const claimed = async (capability: string, fields: string[], grant: string) => {
      const [row] = await office.requester.query(
        "SELECT recovery.claim($1, $2, $3, ARRAY[$4::uuid], gen_random_uuid()) ->> 'claim' AS id",
        [grant, capability, fields, records[0]],
      );
      return row?.["id"];
    };
    const dossier = await claimed("dossier", [], await request());
    for (const name of ["fetch", "fetch_batch_keys"]) {
      await expect(
        office.requester.query(`SELECT recovery.${name}($1)`, [dossier]),
      ).rejects.toMatchObject({ code: "MK003" });
    }
    const unmask = ["unmask", "--field", office.field, "--record", records[0] ?? ""];
    const grant = await askApproved(office, office.requester, unmask);
    const opened = await claimed("unmask", [office.field], grant);
    for (const call of ["fetch_dossier($1, gen_random_uuid(), 10)", "fetch_accesses($1, 0, 10)"]) {
      await expect(
        office.requester.query(`SELECT recovery.${call}`, [opened]),
      ).rejects.toMatchObject({ code: "MK003" });
    }
  });
});
