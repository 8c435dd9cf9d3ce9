/** `recover list`: the grants that one may see. */

import type { Grant, Recovery } from "@org/db";
import { Command } from "commander";
import { openRecovery } from "../compose.ts";
import { readOptional, resolvePath } from "../config.ts";
import { type Edge, report } from "../edge.ts";
import { positive } from "../option-values.ts";
import { formatRows } from "../result-file.ts";
import {
  describeCourse,
  describeDigest,
  describeGrant,
  describeHistory,
  loadRecoverKeyring,
  refusal,
  showGrant,
} from "@org/recovery";

interface Options {
  readonly grant?: string;
  readonly limit: number;
  readonly json: boolean;
}

export function list(edge: Edge): Command {
  return new Command("list")
    .description("show grants: your own, or as an approver or auditor everybody's")
    .option("--grant <id>", "one grant in full, with the ids of the records that it covers")
    .option("--limit <n>", "how many, newest first", positive, 50)
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
With RECOVER_KEYRING, the digests of a grant are those that approvals sign: another page or tool that
shows another digest shows, or signs, other terms.

Examples:
  pnpm recover list
  pnpm recover list --grant 7b0e…`,
    )
    .action((options: Options) =>
      options.grant ? showOne(edge, options) : showAll(edge, options),
    );
}

async function showAll(edge: Edge, options: Options): Promise<void> {
  await using recovery = openRecovery(edge);
  const grants = await recovery.grants.list(options.limit);
  const rows = grants.map((grant) => ({
    grant: grant.id,
    state: grant.state,
    contract: grant.contract,
    capability: grant.capability,
    requester: grant.requester,
    records: String(grant.records),
    purpose: grant.purpose,
    ticket: grant.ticket,
    expires: grant.expiresAt,
  }));
  const text = rows.length === 0 ? "There are no grants." : formatRows(rows, "table").trimEnd();
  report(edge, options, { json: grants, text: [text] });
}

async function showOne(edge: Edge, options: Options): Promise<void> {
  await using recovery = openRecovery(edge);
  const id = options.grant ?? "";
  const grant = await showGrant(recovery.grants, id);
  if (grant === null) throw refusal("no_such_grant");
  const recordIds = await recovery.grants.records(id);
  const history = await recovery.grants.history(id);
  report(edge, options, {
    json: { ...grant, history, recordIds },
    text: [
      ...describeGrant(grant),
      ...(await signedParts(edge, recovery, grant)),
      ...(history === null ? [] : describeHistory(history)),
      ...recordIds.map((recordId) => `  ${recordId}`),
    ],
  });
}

/** The digests of both decisions, and what became of it, where it is known which deployment this is. */
async function signedParts({ env }: Edge, { grants }: Recovery, grant: Grant): Promise<string[]> {
  const path = readOptional(env, "RECOVER_KEYRING");
  if (path === null) return [];
  const keyring = await loadRecoverKeyring(resolvePath(env, path));
  const { deployment } = keyring;
  const decisions = ["approve", "deny"] as const;
  const digests = decisions.map((decision) => describeDigest(grant, { decision, deployment }));
  const course = await describeCourse(grants, grant, keyring);
  return [...digests, "Audit", ...course.map((line) => `  ${line}`)];
}
