import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auditActions } from "@org/recovery";
import { countSamples } from "../../src/audit/audit-metrics.ts";
import { askApproved, type Office, openOffice } from "../office.ts";
import { type Ended, runRecover } from "../run-recover.ts";

let office: Office;
let file: string;

beforeAll(async () => {
  office = await openOffice();
  file = join(office.directory, "audit.prom");
  const [record = ""] = await office.write([office.sample()]);
  const { requester, field } = office;
  const asked = ["unmask", "--field", field, "--record", record];
  const grant = await askApproved(office, requester, asked);
  await requester.recover(["unmask", "--grant", grant, "--print"]);
  await requester.query("SELECT recovery.report_refusal($1, 'forged_approval')", [grant]);
});

afterAll(() => office[Symbol.asyncDispose]());

const auditor = (argv: readonly string[]): Promise<Ended> =>
  runRecover(argv, { ...office.auditor.env, MASKLINE_METRICS_FILE: file });

const lines = async (): Promise<string[]> => (await readFile(file, "utf8")).split("\n");

test("a checkpoint tells what the chain holds: each action, access and refusal, also where there was none", async () => {
  expect((await auditor(["audit", "checkpoint"])).code).toBe(0);
  const told = await lines();
  for (const line of [
    'maskline_run_exit_code{command="recover audit checkpoint"} 0',
    'maskline_audit_rows_total{action="approved"} 1',
    'maskline_audit_rows_total{action="denied"} 0',
    'maskline_audit_accesses_total{capability="unmask"} 1',
    'maskline_audit_accesses_total{capability="erase"} 0',
    'maskline_audit_refused_total{code="forged_approval"} 1',
    'maskline_audit_refused_total{code="too_fast"} 0',
  ]) {
    expect(told).toContain(line);
  }
});

test("the actions are those that the database allows", async () => {
  const [constraint] = await office.admin(
    "SELECT pg_get_constraintdef(oid) AS said FROM pg_constraint WHERE conname = 'audit_action_check'",
  );
  const allowed = String(constraint?.["said"]).match(/(?<=')[a-z]+(?=')/g);
  expect(allowed).toEqual([...auditActions]);
});

test("what no list has is counted, and gets no label of its own", () => {
  const samples = countSamples([{ action: "refused", kind: 'a"\nsentinel 1', entries: 2 }]);
  expect(JSON.stringify(samples)).not.toContain("sentinel");
  expect(samples).toContainEqual(
    expect.objectContaining({ labels: { code: "unknown" }, value: 2 }),
  );
});

test("a verification tells what it found, and how it ended", async () => {
  expect((await auditor(["audit", "verify"])).code).toBe(0);
  expect(await lines()).toContain('maskline_audit_fault{kind="edited"} 0');

  await office.admin("UPDATE recovery.audit SET actor = 'nobody' WHERE seq = 1");
  expect((await auditor(["audit", "verify"])).code).toBe(30);
  const told = await lines();
  expect(told).toContain('maskline_audit_fault{kind="edited"} 1');
  expect(told).toContain('maskline_run_exit_code{command="recover audit verify"} 30');
  expect(told).toContain('maskline_run_exit_code{command="recover audit checkpoint"} 0');
  expect(told).toContainEqual(
    expect.stringMatching(/^maskline_audit_newest_checkpoint_timestamp_seconds \d{10}$/),
  );
});

test("help and a command that there is not leave no metrics", async () => {
  await rm(file);
  await auditor(["audit", "verify", "--help"]);
  await auditor(["audit", "sentinel"]);
  expect(await readdir(office.directory)).not.toContain("audit.prom");
});
