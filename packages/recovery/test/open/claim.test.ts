/** What a claim costs, and what is said of it, when its checkpoint fails. */

import type { Grant, Result } from "@org/db";
import { expect, test } from "vitest";
import { hashOf } from "../../src/audit/chain.ts";
import type { Witness } from "../../src/audit/witness.ts";
import { exit, RecoverError } from "../../src/exit.ts";
import { digestOf } from "../../src/grants/canonical-grant.ts";
import { type ClaimPorts, makeClaim } from "../../src/open/claim.ts";

const record = "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d";
const grant = {
  id: "11111111-1111-4111-8111-111111111111",
  requester: "rita",
  tenant: "default",
  contract: "login",
  capability: "unmask",
  fields: ["f"],
  records: 1,
  maxRecords: 1,
  approvalsRequired: 1,
  createdAt: "2026-01-01T00:00:00Z",
  expiresAt: "2999-01-01T00:00:00Z",
  approvals: [{ approver: "adam", decision: "approve", keyId: "k", signature: "" }],
} as unknown as Grant;
const signed = { grant, recordIds: [record] };
const use = {
  contract: "login",
  capability: "unmask",
  fields: ["f"],
  recordIds: [record],
} as const;

const away = new RecoverError(exit.auditUnavailable, "The sink is away.", { advice: "Mount it." });
const coverEnd = async () => ({ seq: 6, hash: "" });
const fails = (): Promise<never> => Promise.reject(away);

function portsWith(witness: Witness, results: Result[]): ClaimPorts {
  return {
    witness,
    claims: { reportResult: async (_, result) => void results.push(result) },
    operator: {
      login: "rita",
      tenant: "default",
      keyring: { thresholds: [] },
    } as unknown as ClaimPorts["operator"],
  };
}

/** The database's answer: a claim, and the audit row of just this use. */
async function claim(id: string) {
  const detail = JSON.stringify({
    contract: "login",
    capability: "unmask",
    fields: ["f"],
    records: 1,
    digest: digestOf([record]),
    deadline: "2999-01-01T00:00:00Z",
  });
  const row = { seq: 7, atMicros: "1", actor: "rita", action: "intent", detail };
  const previousHash = "00".repeat(32);
  const hash = hashOf({
    ...row,
    grantId: grant.id,
    claimId: id,
    previousHash: Buffer.from(previousHash, "hex"),
  });
  return { claim: id, deadline: "2999-01-01T00:00:00Z", hash, previousHash, ...row };
}

test("a place for checkpoints that fails before the claim costs nothing", async () => {
  const results: Result[] = [];
  const ports = portsWith({ coverEnd: fails, cover: fails }, results);
  let claims = 0;
  const made = makeClaim(ports, { signed, use }, { claim: (id) => ((claims += 1), claim(id)) });
  await expect(made).rejects.toBe(away);
  expect({ claims, results }).toEqual({ claims: 0, results: [] });
});

test("one that fails after it is audited, and what was spent is said", async () => {
  const results: Result[] = [];
  const ports = portsWith({ coverEnd, cover: fails }, results);
  await expect(makeClaim(ports, { signed, use }, { claim })).rejects.toMatchObject({
    exitCode: exit.auditUnavailable,
    message: "The sink is away.",
    advice: expect.stringContaining(`1 record(s) of grant ${grant.id} are spent`) as string,
  });
  expect(results).toEqual([{ outcome: "not_opened", reason: "no_checkpoint" }]);
});

test("work stays open without it, and is resumed by the next run", async () => {
  const results: Result[] = [];
  const ports = portsWith({ coverEnd, cover: fails }, results);
  const made = makeClaim(ports, { signed, use }, { claim, mayResume: true });
  await expect(made).rejects.toBe(away);
  expect(results).toEqual([]);
});
