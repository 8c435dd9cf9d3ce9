/** `recover approve`: signs a grant that somebody else asked for. */

import { Command } from "commander";
import { openOperator, openRecovery } from "../compose.ts";
import { confirmOrEnd, type Edge, report } from "../edge.ts";
import { canonicalGrant } from "../grants/canonical-grant.ts";
import { granted } from "../refusals.ts";
import { showVerified } from "../grants/show-verified.ts";
import { describeGrant } from "./describe-grant.ts";

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

function decision(edge: Edge, verb: "approve" | "deny", description: string): Command {
  return new Command(verb)
    .description(description)
    .argument("<grant>", "the grant's id")
    .option("--yes", "do not ask on a terminal", false)
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
Your signature covers every term of the grant and the records it means. It needs
RECOVER_SIGNING_KEY, whose public half stands in the recover keyring under your login.

Example:
  pnpm recover ${verb} 7b0e…`,
    )
    .action((grant: string, options: Options) => decide(edge, verb, { id: grant, ...options }));
}

async function decide(
  edge: Edge,
  verb: "approve" | "deny",
  options: Options & { readonly id: string },
): Promise<void> {
  const operator = await openOperator(edge);
  const { key } = operator;
  await using recovery = openRecovery(edge);
  const { grant } = await showVerified({ grants: recovery.grants, operator }, options.id);
  await confirmOrEnd(edge, options.yes, [...describeGrant(grant), "", `You are to ${verb} this.`]);
  const { state } = granted(
    await recovery.grants.decide(options.id, verb, {
      keyId: key.kid,
      signature: key.sign(canonicalGrant(grant, verb)),
      login: operator.login,
    }),
  );
  report(edge, options, {
    json: { grant: options.id, state },
    text: [`The grant is ${state}.`],
  });
}
