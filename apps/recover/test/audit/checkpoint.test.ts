import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type CheckpointSigning,
  loadRecoverKeyring,
  loadSigningKey,
  readCheckpoint,
  type RecoverKeyring,
  signCheckpoint,
  type SigningKey,
} from "@org/recovery";
import { runRecover } from "../run-recover.ts";

let directory: string;
let key: SigningKey;
let keyring: RecoverKeyring;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "checkpoint-"));
  const env = { INIT_CWD: directory };
  const otto = ["--login", "otto", "--key", "otto.pem", "--deployment", "test-1"];
  await runRecover(["keys", "signer", ...otto], env);
  const adam = ["--login", "adam", "--key", "adam.pem", "--duty", "approve", "request"];
  await runRecover(["keys", "signer", ...adam], env);
  key = await loadSigningKey(join(directory, "otto.pem"));
  keyring = await loadRecoverKeyring(join(directory, "maskline.recover.keyring.json"));
});

afterAll(() => rm(directory, { recursive: true }));

const position = { seq: 42, hash: "ab".repeat(32) };
const sign = (by: Partial<CheckpointSigning> = {}) =>
  signCheckpoint(position, { deployment: "test-1", key, atSeconds: 1_790_000_000, ...by });

test("is the text that docs/recovery-formats.md shows, and reads back", () => {
  const { name, text } = sign();
  expect(text).toMatch(
    /^maskline\/audit\/test-1\n42\nq6urq[A-Za-z0-9+/]{38}=\ntime 1790000000\n\n— [0-9a-f]{16} [A-Za-z0-9+/]{91}=\n$/,
  );
  expect(name).toBe(`000000000000042-001790000000-${key.kid}.checkpoint`);
  const read = { ...position, atSeconds: 1_790_000_000, kid: key.kid };
  expect(readCheckpoint({ name, text }, keyring)).toEqual(read);
});

test("any changed character makes it none", () => {
  const { name, text } = sign();
  for (let at = 0; at < text.length; at++) {
    const changed = `${text.slice(0, at)}${text[at] === "1" ? "2" : "1"}${text.slice(at + 1)}`;
    expect(readCheckpoint({ name, text: changed }, keyring)).toBeTypeOf("string");
  }
});

test("a signature has one text: its last letter's unused bits are zero", () => {
  const { name, text } = sign();
  const last = text.length - "=\n".length - 1;
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const accepted = Array.from(letters).filter((letter) => {
    const spelled = `${text.slice(0, last)}${letter}${text.slice(last + 1)}`;
    return typeof readCheckpoint({ name, text: spelled }, keyring) !== "string";
  });
  expect(accepted).toEqual([text[last]]);
});

test("has exactly one signature line", () => {
  const { name, text } = sign();
  const line = text.slice(text.indexOf("— "));
  expect(readCheckpoint({ name, text: `${text}${line}` }, keyring)).toBe("is no checkpoint");
  const none = text.slice(0, text.indexOf("— "));
  expect(readCheckpoint({ name, text: none }, keyring)).toBe("is no checkpoint");
});

test("counts under its own name alone", () => {
  const { text } = sign();
  const { name } = sign({ atSeconds: 1_790_000_001 });
  expect(readCheckpoint({ name, text }, keyring)).toBe("stands under another's name");
});

test("of another deployment's chain it is none", () => {
  const other = sign({ deployment: "test-2" });
  expect(readCheckpoint(other, keyring)).toBe("is another deployment's");
});

test("by somebody who is no witness it counts for nothing, also of a row far ahead", async () => {
  const approver = await loadSigningKey(join(directory, "adam.pem"));
  const ahead = signCheckpoint(
    { ...position, seq: 999_999_999_999_999 },
    { deployment: "test-1", key: approver, atSeconds: 1 },
  );
  expect(readCheckpoint(ahead, keyring)).toBe("bears no witness's signature");
});

test("a signer that the keyring does not name makes none", () => {
  const { name, text } = sign();
  expect(readCheckpoint({ name, text }, { ...keyring, signers: [] })).toBe(
    "bears no witness's signature",
  );
});
