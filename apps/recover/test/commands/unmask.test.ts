import { execFile } from "node:child_process";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { testContracts } from "@org/schema/test-contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, askApproved, auditActions, type Office, openOffice, why } from "../office.ts";
import { type Ended, runRecover } from "../run-recover.ts";
import type { Message } from "../samples.ts";

const rowsOf = ({ stdout }: Ended): Record<string, string>[] =>
  stdout
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, string>);

describe.each(testContracts)("$name", (contract) => {
  let office: Office;
  let messages: Message[];
  let records: string[];

  beforeAll(async () => {
    office = await openOffice(contract);
    messages = [office.sample(), office.sample()];
    records = await office.write(messages);
  });

  afterAll(() => office[Symbol.asyncDispose]());

  const all = (): string[] => ["unmask", "--field", ...office.fields];
  const askFor = (...argv: string[]): Promise<string> =>
    askApproved(office, office.requester, [...all(), ...argv]);
  const print = (grant: string, ...argv: string[]): Promise<Ended> =>
    office.requester.recover(["unmask", "--grant", grant, "--print", ...argv]);
  const value = (message: Message | undefined, field = office.field): string =>
    String(message?.[field]);
  const lastDetail = async (): Promise<unknown> => {
    const [row] = await office.admin("SELECT detail FROM recovery.audit ORDER BY seq DESC LIMIT 1");
    return JSON.parse(String(row?.["detail"]));
  };

  test("opens what was asked for and approved, and checks it against the row", async () => {
    const grant = await askFor("--record", ...records);
    const ended = await print(grant, "--format", "jsonl");
    expect(ended).toMatchObject({
      code: 0,
      stderr: "Opened 2 record(s); 0 had no sealed value.\n",
    });
    const rows = rowsOf(ended);
    expect(rows).toHaveLength(2);
    expect(rows).toEqual(
      expect.arrayContaining(
        messages.map((message, index) => ({
          record_id: records[index],
          sent_at: expect.any(String) as string,
          ...Object.fromEntries(office.fields.map((field) => [field, message[field]])),
          tokens: "match",
        })),
      ),
    );
  });

  test("opens the fields that were asked for alone", async () => {
    const terms = ["unmask", "--field", office.field, "--record", records[0] ?? ""];
    const grant = await askApproved(office, office.requester, terms);
    const { stdout } = await print(grant, "--format", "jsonl");
    expect(Object.keys(JSON.parse(stdout) as object)).toEqual([
      "record_id",
      "sent_at",
      office.field,
      "tokens",
    ]);
  });

  test("a masked value that a message does not have is no mismatch", async () => {
    const optional = contract.fields.filter(({ isOptional }) => isOptional);
    const nothing = Object.fromEntries(optional.map(({ name }) => [name, null]));
    const [record = ""] = await office.write([nothing]);
    const ended = await print(await askFor("--record", record), "--format", "jsonl");
    expect(ended.code).toBe(0);
    const shown = office.fields.filter((field) => !(field in nothing));
    expect(rowsOf(ended)).toMatchObject([{ tokens: "match" }]);
    const names = ["record_id", "sent_at", ...shown, "tokens"];
    expect(Object.keys(rowsOf(ended)[0] ?? {}).toSorted()).toEqual(names.toSorted());
  });

  test("writes a new file that only its owner can read", async () => {
    const grant = await askFor("--record", ...records);
    const argv = ["unmask", "--grant", grant, "--out", "case.csv", "--format", "csv"];
    const { code, stdout } = await office.requester.recover(argv);
    const path = join(office.directory, "case.csv");
    expect(code).toBe(0);
    expect(stdout).not.toContain(value(messages[0]));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, "utf8")).toContain(value(messages[0]));

    const again = await office.requester.recover(argv);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain("Name a file that does not exist yet");
  });

  test("leaves no half of a result file behind", async () => {
    const many = await office.write(Array.from({ length: 60 }, () => office.sample()));
    const grant = await askFor("--record", ...many);
    const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
    // Room for a checkpoint, not for the values.
    const limited = `trap '' XFSZ; ulimit -f 1; exec "$0" --conditions=@org/source "$@"`;
    const ended = promisify(execFile)(
      "sh",
      ["-c", limited, process.execPath, main, "unmask", "--grant", grant, "--out", "half.csv"],
      { env: { PATH: process.env["PATH"], ...office.requester.env } },
    );
    await expect(ended).rejects.toMatchObject({ code: 1, stdout: "" });
    await expect(stat(join(office.directory, "half.csv"))).rejects.toMatchObject({
      code: "ENOENT",
    });
    expect(await lastDetail()).toMatchObject({ outcome: "failed" });
  });

  test("shows nothing unasked", async () => {
    const grant = await askFor("--record", ...records);
    const { code, stderr } = await office.requester.recover(["unmask", "--grant", grant]);
    expect(code).toBe(2);
    expect(stderr).toContain("--out PATH, or --print");
  });

  test("reveals a part where the grant says so, whatever the command asks", async () => {
    const grant = await askFor("--record", ...records, "--reveal", "partial");
    const rows = rowsOf(await print(grant, "--format", "jsonl", "--reveal", "full"));
    expect(rows).toHaveLength(2);
    for (const row of rows) {
      const message = messages[records.indexOf(row["record_id"] ?? "")];
      for (const field of office.fields) {
        const [whole, part] = [value(message, field), row[field] ?? ""];
        const isAddress = part.endsWith("/24") || part.endsWith("/64");
        expect(part).not.toBe(whole);
        expect(isAddress || whole.endsWith(part.slice(1))).toBe(true);
      }
    }
  });

  test("chooses records by token, by subject and by time as well", async () => {
    const message = office.sample();
    const sentAtMs = Date.parse("2026-02-03T10:00:00Z");
    const [record] = await office.write([message], { sentAtMs });
    const [row] = await office.admin(
      `SELECT ${office.column} AS token FROM ${office.table} WHERE record_id = $1`,
      [record],
    );
    const subject = value(message, contract.subject);
    const chosen = [
      ["--token", String(row?.["token"])],
      ["--subject", subject],
      ["--user", subject],
      ["--from", "2026-02-03T00:00:00Z", "--to", "2026-02-04T00:00:00Z"],
    ];
    for (const how of chosen) {
      const { stdout } = await print(await askFor(...how));
      expect(stdout).toContain(value(message));
      expect(stdout.trim().split("\n")).toHaveLength(2);
    }
  });

  test("names a subject in grants and audit by a keyed hash or its tokens only", async () => {
    const message = office.sample();
    await office.write([message]);
    const subject = value(message, contract.subject);
    // From standard input, as one that must not stand in the shell's history.
    await ask(office.requester, [...all(), "--subject", "-"], `${subject}\n`);
    const found = await office.admin(
      `SELECT 1 FROM recovery.access_grant WHERE access_grant::text LIKE $1
       UNION ALL SELECT 1 FROM recovery.audit WHERE audit::text LIKE $1`,
      [`%${subject}%`],
    );
    expect(found).toEqual([]);
  });

  test("writes intent, checkpoint and result, in this order around the access", async () => {
    const before = (await auditActions(office)).length;
    await print(await askFor("--record", ...records));
    expect((await auditActions(office)).slice(before)).toEqual([
      "requested",
      "resolved",
      "approved",
      "intent",
      "result",
    ]);
    const checkpoints = await readdir(join(office.directory, "checkpoints"));
    const [intent] = await office.admin(
      "SELECT max(seq) AS seq FROM recovery.audit WHERE action = 'intent'",
    );
    expect(checkpoints.some((name) => Number.parseInt(name, 10) === Number(intent?.["seq"]))).toBe(
      true,
    );
  });

  test("an access that cannot leave a checkpoint costs the grant nothing", async () => {
    const grant = await askFor("--record", ...records);
    const { requester } = office;
    const before = (await auditActions(office)).length;
    // A file stands where the directory should be.
    const elsewhere = await pinned({ sinks: ["maskline.keyring.json"] });
    const ended = await runRecover(["unmask", "--grant", grant, "--print"], {
      ...requester.env,
      RECOVER_KEYRING: elsewhere,
      RECOVER_CHECKPOINT: "",
    });
    expect(ended).toMatchObject({ code: 20, stdout: "" });
    expect((await auditActions(office)).slice(before)).toEqual([]);
    expect((await print(grant)).code).toBe(0);
  });

  test("opens nothing when the audit cannot be written", async () => {
    const grant = await askFor("--record", ...records);
    await office.admin(
      "ALTER TABLE recovery.audit ADD CONSTRAINT full_disk CHECK (seq < 0) NOT VALID",
    );
    try {
      const { code, stdout } = await print(grant);
      expect({ code, stdout }).toEqual({ code: 20, stdout: "" });
    } finally {
      await office.admin("ALTER TABLE recovery.audit DROP CONSTRAINT full_disk");
    }
  });

  test("finds a row whose token was changed, whichever, and exits 30", async () => {
    const ofSubject = contract.columns.find(
      ({ from }) => from.kind === "token" && from.field === contract.subject,
    )?.name;
    for (const column of office.tokenColumns) {
      const [record = ""] = await office.write([office.sample()]);
      await office.admin(
        `UPDATE ${office.table} SET ${column} = (
           SELECT ${column} FROM ${office.table} WHERE record_id = $2) WHERE record_id = $1`,
        [record, records[0]],
      );
      const { code, stdout, stderr } = await print(await askFor("--record", record));
      expect(code).toBe(30);
      expect(stdout).toContain(column === ofSubject ? "another subject" : "mismatch");
      expect(stderr).toContain(
        column === ofSubject ? "another subject" : "do not fit their tokens",
      );
    }
  });

  test("shows nothing of a row that was moved to another person, and exits 30", async () => {
    const [mine, theirs] = [office.sample(), office.sample()];
    const [record = "", other = ""] = await office.write([mine, theirs]);
    const column = contract.columns.find(
      ({ from }) => from.kind !== "system" && "name" in from && from.name === contract.subject,
    );
    const named =
      column?.name ?? contract.fields.find(({ name }) => name === contract.subject)?.column;
    await office.admin(
      `UPDATE ${office.table} AS one SET ${named} = another.${named} FROM ${office.table} AS another
       WHERE one.record_id IN ($1, $2) AND another.record_id IN ($1, $2)
         AND one.record_id <> another.record_id`,
      [record, other],
    );
    // Asked for by the subject: what is found is the other's record.
    const ended = await print(await askFor("--subject", value(mine, contract.subject)));
    expect(ended.code).toBe(30);
    expect(ended.stdout).toContain(other);
    for (const field of office.fields) expect(ended.stdout).not.toContain(value(theirs, field));
    expect(ended.stderr).toContain("another subject");
    expect(await lastDetail()).toMatchObject({ outcome: "opened", misplaced: 1 });
  });

  /** The rows of two records say that each is the other's. */
  async function swapSubjects(one: string, other: string): Promise<void> {
    const field = contract.fields.find(({ name }) => name === contract.subject);
    const token = contract.columns.find(
      ({ from }) => from.kind === "token" && from.field === contract.subject,
    );
    const column = token?.name ?? field?.column;
    await office.admin(
      `UPDATE ${office.table} AS one SET ${column} = another.${column} FROM ${office.table} AS another
       WHERE one.record_id IN ($1, $2) AND another.record_id IN ($1, $2)
         AND one.record_id <> another.record_id`,
      [one, other],
    );
  }

  test("shows nothing of another person's record that stood under the subject until it was approved", async () => {
    const [mine, theirs] = [office.sample(), office.sample()];
    const [record = "", other = ""] = await office.write([mine, theirs]);
    const subject = value(mine, contract.subject);
    const choices = [
      ["--subject", subject],
      ["--record", other, "--subject", subject],
    ];
    for (const terms of choices) {
      await swapSubjects(record, other);
      const grant = await ask(office.requester, [...all(), ...terms]);
      const judged = await office.approver.recover(["approve", grant, "--subject", subject]);
      expect(judged.code).toBe(0);
      await swapSubjects(record, other);
      const ended = await print(grant);
      expect(ended.code).toBe(30);
      expect(ended.stdout).toContain(other);
      for (const field of office.fields) expect(ended.stdout).not.toContain(value(theirs, field));
      expect(await lastDetail()).toMatchObject({ outcome: "opened", misplaced: 1 });
    }
  });

  test("shows what is of the subject that whoever opens it names, and nothing else", async () => {
    const [mine, theirs] = [office.sample(), office.sample()];
    const written = await office.write([mine, theirs]);
    const terms = ["--record", ...written, "--max-records", "9"];
    const grant = await askFor(...terms);
    const subject = ["--subject", value(mine, contract.subject)];
    const ended = await print(grant, ...subject, "--format", "jsonl");
    expect(ended.code).toBe(30);
    expect(ended.stdout).toContain(value(mine));
    for (const field of office.fields) expect(ended.stdout).not.toContain(value(theirs, field));
    expect((await print(grant, ...subject, "--record", written[0] ?? "")).code).toBe(0);
    // Of records that are listed, those of one person alone.
    const narrowed = await askFor(...terms, ...subject);
    expect(rowsOf(await print(narrowed, "--format", "jsonl"))).toMatchObject([
      { record_id: written[0], tokens: "match" },
    ]);
    const other = await print(narrowed, "--subject", value(theirs, contract.subject));
    expect(other).toMatchObject({ code: 3, stdout: "" });
    expect(other.stderr).toContain("(wrong_subject)");
  });

  test("a grant that is made to name another subject is found by whoever asked", async () => {
    const [mine, theirs] = [office.sample(), office.sample()];
    await office.write([mine, theirs]);
    const subjects = [mine, theirs].map((message) => value(message, contract.subject));
    const grant = await ask(office.requester, [...all(), "--subject", subjects[0] ?? ""]);
    const other = await ask(office.requester, [...all(), "--subject", subjects[1] ?? ""]);
    await office.admin(
      `UPDATE recovery.access_grant SET selector = another.selector, subject_salt = another.subject_salt
       FROM recovery.access_grant AS another WHERE access_grant.id = $1 AND another.id = $2`,
      [grant, other],
    );
    await office.admin("DELETE FROM recovery.grant_record WHERE grant_id = $1", [grant]);
    await office.admin(
      "INSERT INTO recovery.grant_record SELECT $1, record_id, create_date FROM recovery.grant_record WHERE grant_id = $2",
      [grant, other],
    );
    await office.admin(
      `UPDATE recovery.access_grant SET records_digest = another.records_digest
       FROM recovery.access_grant AS another WHERE access_grant.id = $1 AND another.id = $2`,
      [grant, other],
    );
    const judged = await office.approver.recover([
      "approve",
      grant,
      "--subject",
      subjects[0] ?? "",
    ]);
    expect(judged.code).toBe(3);
    await office.approver.recover(["approve", grant]);
    const ended = await print(grant, "--subject", subjects[0] ?? "");
    expect(ended).toMatchObject({ code: 3, stdout: "" });
  });

  test("says so when a sealed record was changed, and exits 5", async () => {
    const [record = ""] = await office.write([office.sample()]);
    await office.admin(
      "UPDATE maskline.vault SET sealed = set_byte(sealed, 90, get_byte(sealed, 90) # 1) WHERE record_id = $1",
      [record],
    );
    const { code, stdout } = await print(await askFor("--record", record));
    expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
  });

  test("a value cannot steer the terminal or a spreadsheet", async () => {
    const free = contract.fields.find(
      ({ name, norm }) => norm === "exact/1" && name !== contract.subject,
    );
    const [record = ""] = await office.write([
      { [free?.name ?? ""]: "=cmd()\u001b[2J\u009b\u202e" },
    ]);
    const grant = await askFor("--record", record, "--max-records", "9");
    const shown = await print(grant);
    expect(shown.stdout).toContain("=cmd()\\u001b[2J\\u009b\\u202e");
    const csv = await print(grant, "--format", "csv");
    expect(csv.stdout).toContain(`,"'=cmd()\\u001b`);
    const json = await print(grant, "--format", "jsonl");
    expect(json.stdout).not.toMatch(/[\u009b\u202e]/);
    expect(rowsOf(json)[0]?.[free?.name ?? ""]).toBe("=cmd()\u001b[2J\u009b\u202e");
  });

  test("a grant for another contract costs nothing, and opens nothing", async () => {
    const grant = await askFor("--record", ...records);
    const [other] = testContracts.filter(({ name }) => name !== contract.name);
    const elsewhere = await openOffice(other);
    const env = {
      ...office.requester.env,
      MASKLINE_CONTRACT: elsewhere.requester.env["MASKLINE_CONTRACT"] ?? "",
    };
    const ended = await runRecover(["unmask", "--grant", grant, "--print"], env);
    expect(ended).toMatchObject({ code: 3, stdout: "" });
    expect(ended.stderr).toContain("(wrong_contract)");
    const named = ["--contract", office.requester.env["MASKLINE_CONTRACT"] ?? ""];
    expect(await runRecover(["unmask", "--grant", grant, "--print", ...named], env)).toMatchObject({
      code: 0,
    });
    await elsewhere[Symbol.asyncDispose]();
  });

  test("every fault of the configuration is reported at once", async () => {
    const argv = ["unmask", "--grant", "x", "--print", "--contract", "login"];
    const { code, stderr } = await runRecover(argv, {});
    expect(code).toBe(2);
    expect(stderr).toContain("RECOVER_DATABASE_URL is not set");
    const { stderr: said } = await runRecover(["request", "unmask", ...why, "--record", "x"], {});
    expect(said).not.toContain("    at ");
  });

  /** A copy of the recover keyring with changes. */
  async function pinned(changes: object): Promise<string> {
    const path = join(office.directory, "other.recover.keyring.json");
    const keyring: unknown = JSON.parse(
      await readFile(join(office.directory, "maskline.recover.keyring.json"), "utf8"),
    );
    await writeFile(path, JSON.stringify({ ...(keyring as object), ...changes }), { mode: 0o600 });
    return path;
  }
});
