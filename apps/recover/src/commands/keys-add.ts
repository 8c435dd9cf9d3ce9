/** `recover keys add`: a new key, pending. */

import { generateKeyring } from "@org/masking/keyring";
import { Command } from "commander";
import { type Edge, report } from "../edge.ts";
import { readKeyringFile, readPrivateKeyringFile, replaceKeyring } from "../keys/keyring-file.ts";
import { nextKid } from "../keys/states.ts";
import { keyFiles, kindOf, type KindOptions, withKind } from "./keys-options.ts";

export function keysAdd(edge: Edge): Command {
  return withKind(new Command("add"))
    .description("add a new key to the keyring, pending: known, but not used for anything new")
    .addHelpText(
      "after",
      `
Give the new keyring to every consumer before you promote the key. Keys behind references
(env:, file:, aws-kms:) are added by hand; docs/formats.md shows how.

Examples:
  pnpm recover keys add --token
  pnpm recover keys add --recipient`,
    )
    .action((options: KindOptions) => add(edge, options));
}

async function add(edge: Edge, options: KindOptions): Promise<void> {
  const kind = kindOf(options);
  const files = keyFiles(edge, options);
  const keyring = await readKeyringFile(files);
  const kid = nextKid(keyring, kind);
  const fresh = generateKeyring({ tokenKid: kid, recipientKid: kid });
  if (kind === "token") {
    const added = fresh.keyring.token_keys.map((key) => ({ ...key, state: "pending" as const }));
    const token_keys = [...keyring.token_keys, ...added];
    await replaceKeyring(files.keyringPath, { ...keyring, token_keys }, edge.env);
  } else {
    const privateKeyring = await readPrivateKeyringFile(files);
    const opening = fresh.privateKeyring.recipients.map((key) => ({
      ...key,
      state: "pending" as const,
    }));
    const sealing = fresh.keyring.recipients.map((key) => ({ ...key, state: "pending" as const }));
    // The private half first: what is sealed to the new recipient must never be unopenable.
    await replaceKeyring(
      files.privateKeyringPath,
      { ...privateKeyring, recipients: [...privateKeyring.recipients, ...opening] },
      edge.env,
    );
    await replaceKeyring(
      files.keyringPath,
      { ...keyring, recipients: [...keyring.recipients, ...sealing] },
      edge.env,
    );
  }
  report(edge, options, {
    json: { kind, kid, state: "pending" },
    text: [
      `Added ${kind} key ${kid}, pending, to ${files.keyringPath}.`,
      `Next: give the keyring to every consumer, then \`recover keys promote ${kid} --${kind}\`.`,
    ],
  });
}
