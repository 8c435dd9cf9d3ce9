/** `recover approve` and `deny`: signs a decision about a grant that somebody else asked for. */

import { Command } from "commander";
import { openOperator, openRecovery } from "../compose.ts";
import { confirmOrEnd, type Edge, report } from "../edge.ts";
import {
  canonicalGrant,
  challengeOf,
  describeDigest,
  describeGrant,
  describeHistory,
  describeJudged,
  granted,
  requiredFor,
  requireDuty,
  showGrant,
  showVerified,
  stateOf,
} from "@org/recovery";
import { contractOption } from "../option-values.ts";
import { compareGrant, type CompareOptions, compareOptions } from "./compare.ts";

type Verb = "approve" | "deny";

interface Options extends CompareOptions {
  readonly yes: boolean;
  readonly json: boolean;
}

export function approve(edge: Edge): Command {
  const [subject, value] = compareOptions();
  return decision(edge, "approve", "approve a grant that somebody else asked for")
    .addOption(contractOption())
    .addOption(subject)
    .addOption(value)
    .addHelpText(
      "after",
      `
A grant names its subject by a hash and a value by its tokens. What the ticket says of whom it is, hold
against it: the database compares, and audits that you asked; if it is for somebody else, nothing is
signed and this exits with 3. Masked values take MASKLINE_KEYRING.

Example:
  pnpm recover approve 7b0e… --subject 424cdd21-063a-43a7-b91b-7ca1a833afae`,
    );
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
  const judged = await compareGrant(edge, recovery.grants, { ...options, grant });
  const history = await recovery.grants.history(options.id);
  const signed = { decision: verb, deployment };
  const digest = Buffer.from(challengeOf(grant, signed)).toString("hex");
  const said = [
    describeDigest(grant, signed),
    ...(history === null ? [] : describeHistory(history)),
    ...(judged === null ? [] : [describeJudged(judged, grant)]),
  ];
  await confirmOrEnd(edge, options.yes, [
    ...describeGrant(grant, requiredFor(grant, operator.keyring)),
    ...said,
    "",
    `You are to ${verb} this.`,
  ]);
  granted(
    await recovery.grants.decide(options.id, {
      decision: verb,
      keyId: key.kid,
      signature: key.sign(canonicalGrant(grant, signed)),
      login,
    }),
  );
  const decided = (await showGrant(recovery.grants, options.id)) ?? grant;
  const state = stateOf(decided, operator.keyring);
  report(edge, options, {
    json: { grant: options.id, state, digest, compared: judged, history },
    text: [...said, `The grant is ${state}.`],
  });
}
