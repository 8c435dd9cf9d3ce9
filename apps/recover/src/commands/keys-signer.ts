/** `recover keys signer`: an operator's signing key, and its public half in the recover keyring. */

import { stat, unlink, writeFile } from "node:fs/promises";
import { Command } from "commander";
import { readOptional, resolvePath } from "../config.ts";
import { type Edge, report } from "../edge.ts";
import { exit, RecoverError } from "../exit.ts";
import { replaceFile } from "../keys/replace-file.ts";
import { readRecoverKeyring, type RecoverKeyringJson, writeSigningKey } from "../signing.ts";

interface Options {
  readonly login: string;
  readonly key: string;
  readonly keyring?: string;
  readonly json: boolean;
}

export function keysSigner(edge: Edge): Command {
  return new Command("signer")
    .description(
      "write a new signing key (mode 0600) and add its public half to the recover keyring",
    )
    .requiredOption("--login <name>", "the person's login in Postgres")
    .requiredOption("--key <path>", "where the private key goes")
    .option(
      "--keyring <path>",
      "the recover keyring (default: RECOVER_KEYRING, or maskline.recover.keyring.json)",
    )
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
Approvals and checkpoints are signed with Ed25519. Each person makes their own key; the recover
keyring holds only public halves, and everybody uses the same one: keep it under review, since who
may change it may name approvers.

Example:
  pnpm recover keys signer --login alice --key ~/alice.signing-key.pem`,
    )
    .action((options: Options) => make(edge, options));
}

async function make(edge: Edge, options: Options): Promise<void> {
  const keyPath = resolvePath(edge.env, options.key);
  const named = options.keyring ?? readOptional(edge.env, "RECOVER_KEYRING");
  const keyringPath = resolvePath(edge.env, named ?? "maskline.recover.keyring.json");
  const isNew = await stat(keyringPath).then(
    () => false,
    () => true,
  );
  const before: RecoverKeyringJson = isNew
    ? { format: "maskline/recover-keyring", approvals_required: 1, signers: [] }
    : await readRecoverKeyring(keyringPath);
  const signer = await writeSigningKey(keyPath, options.login).catch(() => {
    throw new RecoverError(exit.configuration, `The signing key cannot be written: ${keyPath}`, {
      advice: "Name a file that does not exist yet, in a directory that does.",
    });
  });
  const keyring = { ...before, signers: [...before.signers, signer] };
  try {
    const mode = await stat(keyringPath).then(
      (old) => old.mode,
      () => 0o644,
    );
    await replaceFile(keyringPath, (draft) =>
      writeFile(draft, `${JSON.stringify(keyring, null, 2)}\n`, { mode }),
    );
  } catch {
    // A key that nobody knows of would stand in the way of the next try.
    await unlink(keyPath);
    throw new RecoverError(
      exit.configuration,
      `The recover keyring cannot be written: ${keyringPath}`,
      {
        advice: "Nothing was written. Name a file in a directory that exists.",
      },
    );
  }
  const settings = [`RECOVER_SIGNING_KEY=${keyPath}`, `RECOVER_KEYRING=${keyringPath}`];
  report(edge, options, {
    json: { signer, key: keyPath, keyring: keyringPath, settings },
    text: [
      `Signing key of ${options.login} (keep it):  ${keyPath}`,
      `Public half, key ${signer.kid}, in:        ${keyringPath}`,
      "",
      `Set next, for ${options.login}:`,
      ...settings.map((setting) => `  ${setting}`),
    ],
  });
}
