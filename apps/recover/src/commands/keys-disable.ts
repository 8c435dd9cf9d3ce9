/** `recover keys disable`: a key that nothing needs any more. */

import { Command } from "commander";
import { openRecovery } from "../compose.ts";
import { type Edge, report } from "../edge.ts";
import { exit, RecoverError } from "@org/recovery";
import { readKeyringFile, readPrivateKeyringFile, replaceKeyring } from "../keys/keyring-file.ts";
import { disabled } from "../keys/states.ts";
import { keyKind } from "../keys/usage.ts";
import { naturalNumber } from "../option-values.ts";
import { keyFiles, kindOf, type KindOptions, withKind } from "./keys-options.ts";

interface Options extends KindOptions {
  readonly acceptLeft?: number;
}

export function keysDisable(edge: Edge): Command {
  return withKind(new Command("disable"))
    .description("disable a key, once nothing in the database stands under it")
    .argument("<kid>", "the key's id")
    .option(
      "--accept-left <n>",
      "masked values that may stay under it: they match nothing any more, in quarantine no subject",
      naturalNumber,
    )
    .addHelpText(
      "after",
      `
Counts first, as \`recover keys status\` does, and refuses while rows or batch keys need the key.
Rows that retoken could not open are left by explicit choice: --accept-left with their exact number.

Example:
  pnpm recover keys disable t1 --token`,
    )
    .action((kid: string, options: Options) => disable(edge, kid, options));
}

async function disable(edge: Edge, kid: string, options: Options): Promise<void> {
  const kind = kindOf(options);
  const files = keyFiles(edge, options);
  const keyring = await readKeyringFile(files);
  await using recovery = openRecovery(edge);
  const usage = await recovery.work.keyUsage();
  const uses = usage
    .filter((use) => keyKind(use) === kind && use.kid === kid)
    .reduce((sum, use) => sum + use.uses, 0);
  const isAccepted = kind === "token" && options.acceptLeft === uses;
  if (uses > 0 && !isAccepted) {
    const work = kind === "token" ? "retoken" : "rewrap";
    throw new RecoverError(exit.denied, `${uses} stored item(s) still stand under ${kid}.`, {
      advice: `Run \`recover ${work}\` first${kind === "token" ? "; for rows that it could not open, and messages in quarantine, --accept-left with their number" : ""}.`,
    });
  }
  if (kind === "token") {
    const token_keys = disabled(keyring.token_keys, kid, kind);
    await replaceKeyring(files.keyringPath, { ...keyring, token_keys }, edge.env);
  } else {
    const privateKeyring = await readPrivateKeyringFile(files);
    const sealing = disabled(keyring.recipients, kid, kind);
    const opening = disabled(privateKeyring.recipients, kid, kind);
    await replaceKeyring(files.keyringPath, { ...keyring, recipients: sealing }, edge.env);
    await replaceKeyring(
      files.privateKeyringPath,
      { ...privateKeyring, recipients: opening },
      edge.env,
    );
  }
  report(edge, options, {
    json: { kind, kid, state: "disabled" },
    text: [`The ${kind} key ${kid} is disabled. Destroy it when no backup needs it any more.`],
  });
}
