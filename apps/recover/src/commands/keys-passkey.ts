/** `recover keys passkey`: somebody's passkey, as a console made its entry, in the recover keyring. */

import { readFile, stat, writeFile } from "node:fs/promises";
import {
  duties,
  type Duty,
  exit,
  type PasskeyJson,
  passkeyJson,
  readPasskey,
  readRecoverKeyring,
  RecoverError,
} from "@org/recovery";
import { Command, Option } from "commander";
import { readOptional, resolvePath } from "../config.ts";
import { type Edge, report } from "../edge.ts";
import { replaceFile } from "../keys/replace-file.ts";
import { withKey } from "../keys/with-key.ts";

interface Options {
  readonly login: string;
  readonly entry: string;
  readonly keyring?: string;
  readonly duty: readonly Duty[];
  readonly json: boolean;
}

export function keysPasskey(edge: Edge): Command {
  return new Command("passkey")
    .description("add a passkey, as the console's enrolment made its entry, to the recover keyring")
    .requiredOption("--login <name>", "the person's login in Postgres")
    .requiredOption("--entry <path>", "a file with the entry")
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
        .default(["approve"]),
    )
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
A passkey approves and denies, and signs nothing else; whoever opens or witnesses at a terminal has a
key of \`keys signer\` as well. The console enrols nobody: ask the person for the kid that it showed
them, on another way than the entry came, and have the change reviewed.

Example:
  pnpm recover keys passkey --login bob --entry bob.passkey.json`,
    )
    .action((options: Options) => add(edge, options));
}

async function add(edge: Edge, options: Options): Promise<void> {
  const named = options.keyring ?? readOptional(edge.env, "RECOVER_KEYRING");
  const keyringPath = resolvePath(edge.env, named ?? "maskline.recover.keyring.json");
  const before = await readRecoverKeyring(keyringPath);
  const entry = await readEntry(resolvePath(edge.env, options.entry));
  if (before.operators.some(({ keys }) => keys.some(({ kid }) => kid === entry.kid))) {
    throw new RecoverError(exit.configuration, `The key is in the recover keyring: ${entry.kid}`, {
      advice: "Nothing was written.",
    });
  }
  const { mode } = await stat(keyringPath);
  const keyring = withKey(before, options, entry);
  await replaceFile(keyringPath, (draft) =>
    writeFile(draft, `${JSON.stringify(keyring, null, 2)}\n`, { mode }),
  );
  report(edge, options, {
    json: { login: options.login, passkey: entry, keyring: keyringPath },
    text: [
      `Passkey of ${options.login}, key ${entry.kid}, in: ${keyringPath}`,
      `It approves on ${entry.origin}.`,
    ],
  });
}

/** @throws {@link RecoverError} (exit 2) with every fault of the entry. */
async function readEntry(path: string): Promise<PasskeyJson> {
  const text = await readFile(path, "utf8").catch(() => refuse(path, ["It cannot be read."]));
  const { data } = passkeyJson.safeParse(jsonOf(text));
  if (data === undefined) return refuse(path, ["It has another form."]);
  const passkey = readPasskey(data);
  if (!("kid" in passkey)) return refuse(path, passkey);
  return passkey.kid === data.kid ? data : refuse(path, ["kid: is not that of its public_key"]);
}

function refuse(path: string, faults: readonly string[]): never {
  throw new RecoverError(exit.configuration, `The entry cannot be used: ${path}`, {
    advice: "Make it again on the console's page for passkeys.",
    faults,
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
