/** `recover keys init`: a fresh keyring, and its private half apart. */

import { access, unlink, writeFile } from "node:fs/promises";
import { generateKeyring, writeKeyring } from "@org/masking/keyring";
import { Command } from "commander";
import { resolvePath } from "../config.ts";
import { type Edge, report } from "../edge.ts";
import { toKeyFiles } from "../keys/key-files.ts";
import { exit, RecoverError } from "@org/recovery";

interface Options {
  readonly keyring: string;
  readonly privateKeyring: string;
  readonly keyFiles: boolean;
  readonly tenant?: string;
  readonly json: boolean;
}

export function keysInit(edge: Edge): Command {
  return new Command("init")
    .description("write a new keyring, and its private half apart (both mode 0600)")
    .option("--keyring <path>", "where the consumer's keyring goes", "maskline.keyring.json")
    .option(
      "--private-keyring <path>",
      "where the private keyring goes",
      "maskline.private-keyring.json",
    )
    .option(
      "--key-files",
      "put each secret key into a file of its own, beside the keyring that refers to it",
      false,
    )
    .option("--tenant <label>", "the tenant to name in what to set next")
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
The keyring holds a token key and a recipient's public key: it masks and seals, and opens
nothing. The private keyring opens the vault: keep it away from the consumer. A file that
stands at a path is never overwritten. Keys stand in the keyrings themselves, which production
refuses, unless --key-files is given.

Example:
  pnpm recover keys init
  pnpm recover keys init --key-files --keyring /etc/maskline/keyring.json --private-keyring ~/vault/private.json`,
    )
    .action((options: Options) => init(edge, options));
}

async function init(edge: Edge, options: Options): Promise<void> {
  const keyringPath = resolvePath(edge.env, options.keyring);
  const privateKeyringPath = resolvePath(edge.env, options.privateKeyring);
  const paths = { keyringPath, privateKeyringPath };
  const generated = { ...generateKeyring(), files: [] };
  const made = options.keyFiles ? toKeyFiles(generated, paths) : generated;
  await refuseExisting([keyringPath, privateKeyringPath, ...made.files.map(({ path }) => path)]);
  await writeAll([
    ...made.files.map(({ path, key }) => ({ path, write: () => writeKey(path, key) })),
    {
      path: privateKeyringPath,
      write: () => writeKeyring(privateKeyringPath, made.privateKeyring),
    },
    { path: keyringPath, write: () => writeKeyring(keyringPath, made.keyring) },
  ]);

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
      ...made.files.map(({ path }) => `A key of these:                      ${path}`),
      "",
      "Set next, in the environment or in .env (the first for the consumer, the second only where",
      "sealed values are opened):",
      ...settings.map((setting) => `  ${setting}`),
      ...(options.keyFiles ? [] : inlineAdvice),
    ],
  });
}

const inlineAdvice = [
  "",
  "The keys stand in these files as they are: fit for development. For production, --key-files",
  "puts them into files of their own; docs/formats.md says how to refer to a KMS.",
];

interface NewFile {
  readonly path: string;
  readonly write: () => Promise<void>;
}

/** All or none: a part is of no use, and it would stand in the way of the next try. */
async function writeAll(files: readonly NewFile[]): Promise<void> {
  const written: string[] = [];
  try {
    for (const { path, write } of files) {
      await write();
      written.push(path);
    }
  } catch (error) {
    await Promise.all(written.map((path) => unlink(path)));
    throw error;
  }
}

async function writeKey(path: string, key: string): Promise<void> {
  await writeFile(path, `${key}\n`, { mode: 0o600, flag: "wx" }).catch(() => {
    throw new RecoverError(exit.configuration, `The key cannot be written: ${path}`, {
      advice: "Nothing was written. Name keyrings in directories that exist.",
    });
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
