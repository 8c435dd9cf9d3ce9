/** `recover approve`: signs a grant that somebody else asked for. */

import { Command } from "commander";
import { openRecovery } from "../compose.ts";
import { readSettings, resolvePath } from "../config.ts";
import { confirmOrEnd, type Edge, report } from "../edge.ts";
import { exit, RecoverError } from "../exit.ts";
import { canonicalGrant } from "../grants/canonical-grant.ts";
import { granted } from "../refusals.ts";
import { showVerified } from "../grants/show-verified.ts";
import { loadRecoverKeyring, loadSigningKey } from "../signing.ts";
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
  const settings = readSettings(edge.env, ["RECOVER_KEYRING", "RECOVER_SIGNING_KEY"]);
  const keyring = await loadRecoverKeyring(resolvePath(edge.env, settings.RECOVER_KEYRING));
  const key = await loadSigningKey(resolvePath(edge.env, settings.RECOVER_SIGNING_KEY));
  const isKnown = keyring.signers.some(({ kid, state }) => kid === key.kid && state === "active");
  if (!isKnown) {
    throw new RecoverError(exit.configuration, "Your signing key is not in the recover keyring.", {
      advice: "Have its public half added under your login; `recover keys signer` does both.",
    });
  }
  await using recovery = openRecovery(edge);
  const { grant } = await showVerified({ grants: recovery.grants, keyring }, options.id);
  await confirmOrEnd(edge, options.yes, [...describeGrant(grant), "", `You are to ${verb} this.`]);
  const { state } = granted(
    await recovery.grants.decide(options.id, verb, {
      keyId: key.kid,
      signature: key.sign(canonicalGrant(grant)),
    }),
  );
  report(edge, options, {
    json: { grant: options.id, state },
    text: [`The grant is ${state}.`],
  });
}
