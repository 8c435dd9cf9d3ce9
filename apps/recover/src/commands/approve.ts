/** `recover approve` and `deny`: signs a decision about a grant that somebody else asked for. */

import { Command } from "commander";
import { openOperator, openRecovery } from "../compose.ts";
import { confirmOrEnd, type Edge, report } from "../edge.ts";
import { canonicalGrant } from "../grants/canonical-grant.ts";
import { showVerified } from "../grants/show-verified.ts";
import { requireDuty } from "../operator.ts";
import { granted } from "../refusals.ts";
import { describeGrant } from "./describe-grant.ts";

type Verb = "approve" | "deny";

interface Options {
  readonly yes: boolean;
  readonly json: boolean;
}

export function approve(edge: Edge): Command {
  return decision(edge, "approve", "approve a grant that somebody else asked for");
}

export function deny(edge: Edge): Command {
  return decision(edge, "deny", "deny a grant, for good");
}

function decision(edge: Edge, verb: Verb, description: string): Command {
  return new Command(verb)
    .description(description)
    .argument("<grant>", "the grant's id")
    .option("--yes", "do not ask on a terminal", false)
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
Your signature covers every term of the grant, the records it means, and this deployment. It needs
RECOVER_SIGNING_KEY, whose public half stands in the recover keyring under your login, with the duty
approve. Deciding the same again changes nothing, and ends well.

Example:
  pnpm recover ${verb} 7b0e…`,
    )
    .action((grant: string, options: Options) => decide(edge, verb, { id: grant, ...options }));
}

async function decide(
  edge: Edge,
  verb: Verb,
  options: Options & { readonly id: string },
): Promise<void> {
  const operator = await openOperator(edge);
  requireDuty(operator, "approve");
  const { key, login } = operator;
  const { deployment } = operator.keyring;
  await using recovery = openRecovery(edge);
  const { grant } = await showVerified({ grants: recovery.grants, operator }, options.id);
  await confirmOrEnd(edge, options.yes, [...describeGrant(grant), "", `You are to ${verb} this.`]);
  const { state } = granted(
    await recovery.grants.decide(options.id, {
      decision: verb,
      keyId: key.kid,
      signature: key.sign(canonicalGrant(grant, { decision: verb, deployment })),
      login,
    }),
  );
  report(edge, options, {
    json: { grant: options.id, state },
    text: [`The grant is ${state}.`],
  });
}
