/** `recover keys signer`: an operator's signing key, and its public half in the recover keyring. */

import { randomUUID } from "node:crypto";
import { stat, unlink, writeFile } from "node:fs/promises";
import { Command, Option } from "commander";
import { readOptional, resolvePath } from "../config.ts";
import { type Edge, report } from "../edge.ts";
import {
  deploymentForm,
  duties,
  type Duty,
  exit,
  isUrl,
  readRecoverKeyring,
  RecoverError,
  type RecoverKeyringJson,
  writeSigningKey,
} from "@org/recovery";
import { replaceFile } from "../keys/replace-file.ts";
import { withKey } from "../keys/with-key.ts";

interface Options {
  readonly login: string;
  readonly key: string;
  readonly keyring?: string;
  readonly duty: readonly Duty[];
  readonly deployment?: string;
  readonly sink?: readonly string[];
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
    .addOption(
      new Option(
        "--duty <name...>",
        "what the person may do, if the keyring does not know them yet",
      )
        .choices(duties)
        .default(duties),
    )
    .option(
      "--deployment <name>",
      "of a new keyring: this deployment's name (default: a random one)",
    )
    .option(
      "--sink <place...>",
      "of a new keyring: where checkpoints go (default: RECOVER_CHECKPOINT)",
    )
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
Approvals and checkpoints are signed with Ed25519. Each person makes their own key; the recover
keyring holds only public halves, duties, and where checkpoints go, and everybody uses the same one:
keep it under review, since who may change it may name approvers.

Examples:
  pnpm recover keys signer --login alice --key ~/alice.signing-key.pem --duty request witness \\
    --deployment prod-eu --sink s3://audit/maskline
  pnpm recover keys signer --login bob --key ~/bob.signing-key.pem --duty approve`,
    )
    .action((options: Options) => make(edge, options));
}

async function make(edge: Edge, options: Options): Promise<void> {
  const keyPath = resolvePath(edge.env, options.key);
  const named = options.keyring ?? readOptional(edge.env, "RECOVER_KEYRING");
  const keyringPath = resolvePath(edge.env, named ?? "maskline.recover.keyring.json");
  const mode = await stat(keyringPath).then(
    (old) => old.mode,
    () => null,
  );
  const before = mode === null ? newKeyring(edge, options) : await readRecoverKeyring(keyringPath);
  const key = await writeSigningKey(keyPath).catch(() => {
    throw new RecoverError(exit.configuration, `The signing key cannot be written: ${keyPath}`, {
      advice: "Name a file that does not exist yet, in a directory that does.",
    });
  });
  const keyring = withKey(before, options, key);
  try {
    await replaceFile(keyringPath, (draft) =>
      writeFile(draft, `${JSON.stringify(keyring, null, 2)}\n`, { mode: mode ?? 0o644 }),
    );
  } catch {
    // A key that nobody knows of would stand in the way of the next try.
    await unlink(keyPath);
    throw new RecoverError(
      exit.configuration,
      `The recover keyring cannot be written: ${keyringPath}`,
      { advice: "Nothing was written. Name a file in a directory that exists." },
    );
  }
  const settings = [`RECOVER_SIGNING_KEY=${keyPath}`, `RECOVER_KEYRING=${keyringPath}`];
  report(edge, options, {
    json: { login: options.login, signer: key, key: keyPath, keyring: keyringPath, settings },
    text: [
      `Signing key of ${options.login} (keep it):  ${keyPath}`,
      `Public half, key ${key.kid}, in:        ${keyringPath}`,
      "",
      `Set next, for ${options.login}:`,
      ...settings.map((setting) => `  ${setting}`),
      ...(keyring.sinks.length > 0
        ? []
        : ["", 'Nobody can open anything until "sinks" in the keyring says where checkpoints go.']),
    ],
  });
}

function newKeyring(edge: Edge, options: Options): RecoverKeyringJson {
  const checkpoint = readOptional(edge.env, "RECOVER_CHECKPOINT");
  const sinks = options.sink ?? (checkpoint === null ? [] : [checkpoint]);
  const deployment = options.deployment ?? randomUUID();
  if (!deploymentForm.test(deployment)) {
    throw new RecoverError(exit.configuration, "--deployment has not the form of a name.", {
      advice: "Up to 64 letters, digits, '.', '_' or '-', a letter or digit first.",
    });
  }
  return {
    format: "maskline/recover-keyring",
    deployment,
    sinks: sinks.map((sink) => (isUrl(sink) ? sink : resolvePath(edge.env, sink))),
    approvals: [
      { above: 0, required: 1 },
      { above: 100, required: 2 },
    ],
    operators: [],
  };
}
