import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readCheckpoint, signCheckpoint } from "../../src/audit/checkpoint.ts";
import {
  loadRecoverKeyring,
  loadSigningKey,
  type Signer,
  type SigningKey,
} from "../../src/signing.ts";
import { runRecover } from "../run-recover.ts";

let directory: string;
let key: SigningKey;
let signers: readonly Signer[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "checkpoint-"));
  await runRecover(["keys", "signer", "--login", "otto", "--key", "otto.pem"], {
    INIT_CWD: directory,
  });
  key = await loadSigningKey(join(directory, "otto.pem"));
  ({ signers } = await loadRecoverKeyring(join(directory, "maskline.recover.keyring.json")));
});

afterAll(() => rm(directory, { recursive: true }));

const position = { seq: 42, hash: "ab".repeat(32) };

test("is the text that docs/recovery-formats.md shows, and reads back", () => {
  const text = signCheckpoint(position, key, 1_790_000_000);
  expect(text).toMatch(
    /^maskline\/audit\n42\nq6urq[A-Za-z0-9+/]{38}=\ntime 1790000000\n\n— [0-9a-f]{16} [A-Za-z0-9+/]{91}=\n$/,
  );
  expect(readCheckpoint(text, signers)).toEqual({
    ...position,
    atSeconds: 1_790_000_000,
    kid: key.kid,
  });
});

test("any changed character makes it none", () => {
  const text = signCheckpoint(position, key, 1_790_000_000);
  for (let at = 0; at < text.length; at++) {
    const changed = `${text.slice(0, at)}${text[at] === "1" ? "2" : "1"}${text.slice(at + 1)}`;
    expect(readCheckpoint(changed, signers)).toBeNull();
  }
});

test("a signature has one text: its last letter's unused bits are zero", () => {
  const text = signCheckpoint(position, key, 1_790_000_000);
  const last = text.length - "=\n".length - 1;
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const accepted = Array.from(letters).filter((letter) => {
    const spelled = `${text.slice(0, last)}${letter}${text.slice(last + 1)}`;
    return readCheckpoint(spelled, signers) !== null;
  });
  expect(accepted).toEqual([text[last]]);
});

test("a signer that the keyring does not name makes none", () => {
  expect(readCheckpoint(signCheckpoint(position, key, 1), [])).toBeNull();
});
