/** `recover keys promote`: the key that everything new is made with. */

import { Command } from "commander";
import { type Edge, report } from "../edge.ts";
import { readKeyringFile, readPrivateKeyringFile, replaceKeyring } from "../keys/keyring-file.ts";
import { promoted } from "../keys/states.ts";
import { keyFiles, kindOf, type KindOptions, withKind } from "./keys-options.ts";

export function keysPromote(edge: Edge): Command {
  return withKind(new Command("promote"))
    .description("make a key the primary one; the old one still matches, or opens, what it made")
    .argument("<kid>", "the key's id")
    .addHelpText(
      "after",
      `
Every consumer must know the key before: one that does not would still write under the old one.

Example:
  pnpm recover keys promote t2 --token`,
    )
    .action((kid: string, options: KindOptions) => promote(edge, kid, options));
}

async function promote(edge: Edge, kid: string, options: KindOptions): Promise<void> {
  const kind = kindOf(options);
  const files = keyFiles(edge, options);
  const keyring = await readKeyringFile(files);
  if (kind === "token") {
    const token_keys = promoted(keyring.token_keys, kid, kind);
    await replaceKeyring(files.keyringPath, { ...keyring, token_keys }, edge.env);
  } else {
    const privateKeyring = await readPrivateKeyringFile(files);
    const opening = promoted(privateKeyring.recipients, kid, kind);
    const sealing = promoted(keyring.recipients, kid, kind);
    await replaceKeyring(
      files.privateKeyringPath,
      { ...privateKeyring, recipients: opening },
      edge.env,
    );
    await replaceKeyring(files.keyringPath, { ...keyring, recipients: sealing }, edge.env);
  }
  const work = kind === "token" ? "retoken" : "rewrap";
  report(edge, options, {
    json: { kind, kid, state: "primary" },
    text: [
      `The ${kind} key ${kid} is primary.`,
      `Next: restart the consumers with ${files.keyringPath}, then \`recover request ${work}\`.`,
    ],
  });
}
