/** What the commands on keyring files share: which files, and which kind of key. */

import type { Command } from "commander";
import { readOptional, resolvePath } from "../config.ts";
import type { Edge } from "../edge.ts";
import { exit, RecoverError } from "@org/recovery";
import type { KeyFiles } from "../keys/keyring-file.ts";
import type { Kind } from "../keys/states.ts";

export interface FileOptions {
  readonly keyring?: string;
  readonly privateKeyring?: string;
  readonly json: boolean;
}

export interface KindOptions extends FileOptions {
  readonly token: boolean;
  readonly recipient: boolean;
}

export function withFiles(command: Command): Command {
  return command
    .option("--keyring <path>", "the consumer's keyring (else MASKLINE_KEYRING)")
    .option("--private-keyring <path>", "the private keyring (else RECOVER_PRIVATE_KEYRING)")
    .option("--json", "print one JSON document", false);
}

export function withKind(command: Command): Command {
  return withFiles(command)
    .option("--token", "a token key", false)
    .option("--recipient", "a recipient: both halves of a key pair", false);
}

export function kindOf({ token, recipient }: KindOptions): Kind {
  if (token !== recipient) return token ? "token" : "recipient";
  throw new RecoverError(exit.configuration, "Say which kind of key: --token or --recipient.", {
    advice: "Token keys make masked values; recipients open the vault.",
  });
}

export function keyFiles({ env }: Edge, options: FileOptions): KeyFiles {
  const keyring =
    options.keyring ?? readOptional(env, "MASKLINE_KEYRING") ?? "maskline.keyring.json";
  const privateKeyring =
    options.privateKeyring ??
    readOptional(env, "RECOVER_PRIVATE_KEYRING") ??
    "maskline.private-keyring.json";
  return {
    keyringPath: resolvePath(env, keyring),
    privateKeyringPath: resolvePath(env, privateKeyring),
    env,
  };
}
