/** `recover keys init`: a fresh keyring for development, and its private half apart. */

import { access, unlink } from "node:fs/promises";
import { generateKeyring, writeKeyring } from "@org/masking/keyring";
import { Command } from "commander";
import { resolvePath } from "../config.ts";
import { type Edge, report } from "../edge.ts";
import { exit, RecoverError } from "@org/recovery";

interface Options {
  readonly keyring: string;
  readonly privateKeyring: string;
  readonly tenant?: string;
  readonly json: boolean;
}

export function keysInit(edge: Edge): Command {
  return new Command("init")
    .description("write a new keyring for development, and its private half apart (both mode 0600)")
    .option("--keyring <path>", "where the consumer's keyring goes", "maskline.keyring.json")
    .option(
      "--private-keyring <path>",
      "where the private keyring goes",
      "maskline.private-keyring.json",
    )
    .option("--tenant <label>", "the tenant to name in what to set next")
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
The keyring holds a token key and a recipient's public key: it masks and seals, and opens
nothing. The private keyring opens the vault: keep it away from the consumer. A file that
stands at either path is never overwritten.

Example:
  pnpm recover keys init
  pnpm recover keys init --keyring /etc/maskline/keyring.json --private-keyring ~/private.keyring.json`,
    )
    .action((options: Options) => init(edge, options));
}

async function init(edge: Edge, options: Options): Promise<void> {
  const keyringPath = resolvePath(edge.env, options.keyring);
  const privateKeyringPath = resolvePath(edge.env, options.privateKeyring);
  await refuseExisting([keyringPath, privateKeyringPath]);

  const { keyring, privateKeyring } = generateKeyring();
  await writeKeyring(privateKeyringPath, privateKeyring);
  try {
    await writeKeyring(keyringPath, keyring);
  } catch (error) {
    // Half a pair is of no use, and it would stand in the way of the next try.
    await unlink(privateKeyringPath);
    throw error;
  }

  const settings = [
    `MASKLINE_KEYRING=${keyringPath}`,
    `RECOVER_PRIVATE_KEYRING=${privateKeyringPath}`,
    ...(options.tenant === undefined ? [] : [`MASKLINE_TENANT=${options.tenant}`]),
  ];
  report(edge, options, {
    json: { keyring: keyringPath, privateKeyring: privateKeyringPath, settings },
    text: [
      `Keyring (the consumer's):            ${keyringPath}`,
      `Private keyring (opens the vault):   ${privateKeyringPath}`,
      "",
      "Set next, in the environment or in .env (the first for the consumer, the second only where",
      "sealed values are opened):",
      ...settings.map((setting) => `  ${setting}`),
      "",
      "The keys stand in these files as they are: fit for development. For production, replace",
      "each by a reference (env:NAME, file:PATH or aws-kms:ARN); docs/formats.md says how.",
    ],
  });
}

async function refuseExisting(paths: readonly string[]): Promise<void> {
  const exists = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  const standing = paths.filter((_, index) => exists[index]);
  if (standing.length === 0) return;
  throw new RecoverError(exit.configuration, "No key was written: a file stands there already.", {
    advice: "Keys that are overwritten are gone. Name other paths, or move these files away first.",
    faults: standing,
  });
}
