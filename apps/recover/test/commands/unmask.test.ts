import { execFile } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, askApproved, auditActions, type Office, openOffice, why } from "../office.ts";
import { runRecover } from "../run-recover.ts";

let office: Office;
let records: string[];

const samples = [
  { ip: "199.172.111.135", deviceId: "593-47-5928" },
  { ip: "2001:db8::17", deviceId: "ABCD-2026-wxyz" },
];
const both = ["unmask", "--field", "ip", "device_id"] as const;

beforeAll(async () => {
  office = await openOffice();
  records = await office.write(samples);
});

afterAll(() => office[Symbol.asyncDispose]());

test("opens what was asked for and approved, and checks it against the tokens", async () => {
  const grant = await askApproved(office, office.requester, [...both, "--record", ...records]);
  const { code, stdout, stderr } = await office.requester.recover([
    "unmask",
    "--grant",
    grant,
    "--print",
    "--format",
    "jsonl",
  ]);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: "Opened 2 record(s); 0 had no sealed value.\n",
  });
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
  expect(rows).toHaveLength(2);
  expect(rows).toEqual(
    expect.arrayContaining(
      samples.map(({ ip, deviceId }, index) => ({
        record_id: records[index],
        sent_at: expect.any(String) as string,
        ip,
        device_id: deviceId,
        tokens: "match",
      })),
    ),
  );
});

test("writes a new file that only its owner can read", async () => {
  const grant = await askApproved(office, office.requester, [...both, "--record", ...records]);
  const argv = ["unmask", "--grant", grant, "--out", "case.csv", "--format", "csv"];
  const { code, stdout } = await office.requester.recover(argv);
  const path = join(office.directory, "case.csv");
  expect(code).toBe(0);
  expect(stdout).not.toContain(samples[0]?.ip);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, "utf8")).toContain(samples[0]?.ip);

  const again = await office.requester.recover(argv);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain("Name a file that does not exist yet");
});

test("leaves no half of a result file behind", async () => {
  const samplesTooMany = Array.from({ length: 60 }, () => ({ ip: "192.0.2.60", deviceId: "d-60" }));
  const many = await office.write(samplesTooMany);
  const grant = await askApproved(office, office.requester, [...both, "--record", ...many]);
  const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
  // Room for a checkpoint, not for the values.
  const limited = `trap '' XFSZ; ulimit -f 1; exec "$0" --conditions=@org/source "$@"`;
  const ended = promisify(execFile)(
    "sh",
    ["-c", limited, process.execPath, main, "unmask", "--grant", grant, "--out", "half.csv"],
    { env: { PATH: process.env["PATH"], ...office.requester.env } },
  );
  await expect(ended).rejects.toMatchObject({ code: 1, stdout: "" });
  await expect(stat(join(office.directory, "half.csv"))).rejects.toMatchObject({ code: "ENOENT" });
  const [result] = await office.admin(
    "SELECT detail FROM recovery.audit ORDER BY seq DESC LIMIT 1",
  );
  expect(String(result?.["detail"])).toContain("failed");
});

test("shows nothing unasked", async () => {
  const grant = await askApproved(office, office.requester, [...both, "--record", ...records]);
  const { code, stderr } = await office.requester.recover(["unmask", "--grant", grant]);
  expect(code).toBe(2);
  expect(stderr).toContain("--out PATH, or --print");
});

test("reveals a part where the grant says so, whatever the command asks", async () => {
  const grant = await askApproved(office, office.requester, [
    ...both,
    "--record",
    ...records,
    "--reveal",
    "partial",
  ]);
  const { stdout } = await office.requester.recover([
    "unmask",
    "--grant",
    grant,
    "--print",
    "--format",
    "jsonl",
    "--reveal",
    "full",
  ]);
  for (const part of ["199.172.111.0/24", "…5928", "2001:db8:0:0::/64", "…wxyz"]) {
    expect(stdout).toContain(`"${part}"`);
  }
});

test("chooses records by token, by user and by time as well", async () => {
  const userId = "b1c1ab1e-0000-4000-8000-000000000001";
  const sentAtMs = Date.parse("2026-02-03T10:00:00Z");
  const [record] = await office.write([{ ip: "192.0.2.99", deviceId: "d-99", userId, sentAtMs }]);
  const [row] = await office.admin(
    "SELECT masked_ip FROM public.user_logins WHERE record_id = $1",
    [record],
  );
  const chosen = [
    ["--token", String(row?.["masked_ip"])],
    ["--subject", userId],
    ["--from", "2026-02-03T00:00:00Z", "--to", "2026-02-04T00:00:00Z"],
  ];
  for (const how of chosen) {
    const grant = await askApproved(office, office.requester, [...both, ...how]);
    const { stdout } = await office.requester.recover(["unmask", "--grant", grant, "--print"]);
    expect(stdout).toContain("192.0.2.99");
    expect(stdout.trim().split("\n")).toHaveLength(2);
  }
});

test("names a user in grants and audit by a keyed hash only", async () => {
  const userId = "b1c1ab1e-0000-4000-8000-000000000002";
  await office.write([{ ip: "192.0.2.98", deviceId: "d-98", userId }]);
  await ask(office.requester, [...both, "--subject", userId]);
  const found = await office.admin(
    `SELECT 1 FROM recovery.access_grant WHERE access_grant::text LIKE $1
     UNION ALL SELECT 1 FROM recovery.audit WHERE audit::text LIKE $1`,
    [`%${userId}%`],
  );
  expect(found).toEqual([]);
});

test("writes intent, checkpoint and result, in this order around the look", async () => {
  const before = (await auditActions(office)).length;
  const grant = await askApproved(office, office.requester, [...both, "--record", ...records]);
  await office.requester.recover(["unmask", "--grant", grant, "--print"]);
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

test("opens nothing when the checkpoint is not accepted, and says so in the audit", async () => {
  const grant = await askApproved(office, office.requester, [...both, "--record", ...records]);
  const { recover } = office.requester;
  const before = (await auditActions(office)).length;
  const ended = await runRecover(["unmask", "--grant", grant, "--print"], {
    ...office.requester.env,
    // A file stands where the directory should be.
    RECOVER_CHECKPOINT: "maskline.keyring.json",
  });
  expect(ended).toMatchObject({ code: 20, stdout: "" });
  expect((await auditActions(office)).slice(before)).toEqual(["intent", "result"]);
  const [result] = await office.admin(
    "SELECT detail FROM recovery.audit ORDER BY seq DESC LIMIT 1",
  );
  expect(String(result?.["detail"])).toContain("not_opened");
  // The claim was spent all the same: a look that was announced counts.
  expect((await recover(["unmask", "--grant", grant, "--print"])).code).toBe(3);
});

test("opens nothing when the audit cannot be written", async () => {
  const grant = await askApproved(office, office.requester, [...both, "--record", ...records]);
  await office.admin(
    "ALTER TABLE recovery.audit ADD CONSTRAINT full_disk CHECK (seq < 0) NOT VALID",
  );
  try {
    const { code, stdout } = await office.requester.recover([
      "unmask",
      "--grant",
      grant,
      "--print",
    ]);
    expect({ code, stdout }).toEqual({ code: 20, stdout: "" });
  } finally {
    await office.admin("ALTER TABLE recovery.audit DROP CONSTRAINT full_disk");
  }
});

test("finds a row whose token was changed, and exits 30", async () => {
  const [record] = await office.write([{ ip: "192.0.2.1", deviceId: "d-1" }]);
  await office.admin(
    `UPDATE public.user_logins SET masked_ip = (
       SELECT masked_ip FROM public.user_logins WHERE record_id = $2) WHERE record_id = $1`,
    [record, records[0]],
  );
  const grant = await askApproved(office, office.requester, [...both, "--record", record ?? ""]);
  const { code, stdout, stderr } = await office.requester.recover([
    "unmask",
    "--grant",
    grant,
    "--print",
  ]);
  expect(code).toBe(30);
  expect(stdout).toContain("mismatch");
  expect(stderr).toContain("do not fit their tokens");
});

test("says so when a sealed record was changed, and exits 5", async () => {
  const [record] = await office.write([{ ip: "192.0.2.2", deviceId: "d-2" }]);
  await office.admin(
    "UPDATE maskline.vault SET sealed = set_byte(sealed, 90, get_byte(sealed, 90) # 1) WHERE record_id = $1",
    [record],
  );
  const grant = await askApproved(office, office.requester, [...both, "--record", record ?? ""]);
  const { code, stdout } = await office.requester.recover(["unmask", "--grant", grant, "--print"]);
  expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
});

test("a value cannot steer the terminal or a spreadsheet", async () => {
  const [record] = await office.write([{ ip: "192.0.2.3", deviceId: "=cmd()\u001b[2J\u202e" }]);
  const grant = await askApproved(office, office.requester, [
    ...both,
    "--record",
    record ?? "",
    "--max-records",
    "9",
  ]);
  const shown = await office.requester.recover(["unmask", "--grant", grant, "--print"]);
  expect(shown.stdout).toContain("=cmd()\\u001b[2J\\u202e");
  const csv = await office.requester.recover([
    "unmask",
    "--grant",
    grant,
    "--print",
    "--format",
    "csv",
  ]);
  expect(csv.stdout).toContain(`,"'=cmd()`);
});

test("every fault of the configuration is reported at once", async () => {
  const { code, stderr } = await runRecover(
    ["request", "unmask", ...why, "--record", records[0] ?? ""],
    {},
  );
  expect(code).toBe(2);
  expect(stderr).toContain("RECOVER_DATABASE_URL is not set");
});
