import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadRecoverKeyring, loadSigningKey, type RecoverKeyringJson } from "../src/signing.ts";
import { runRecover } from "./run-recover.ts";

let directory: string;
let keyPath: string;
let keyringPath: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "signing-"));
  keyPath = join(directory, "alice.pem");
  keyringPath = join(directory, "maskline.recover.keyring.json");
  const argv = ["keys", "signer", "--login", "alice", "--key", "alice.pem"];
  await runRecover(argv, { INIT_CWD: directory });
});

afterEach(() => rm(directory, { recursive: true }));

test("the private key is its owner's alone, and the keyring holds only the public half", async () => {
  expect((await stat(keyPath)).mode & 0o777).toBe(0o600);
  expect(await readFile(keyringPath, "utf8")).not.toContain("PRIVATE");
  const { signers } = await loadRecoverKeyring(keyringPath);
  const key = await loadSigningKey(keyPath);
  expect(signers).toMatchObject([{ login: "alice", state: "active", kid: key.kid }]);
});

test("a second person is added beside the first", async () => {
  await runRecover(["keys", "signer", "--login", "bob", "--key", "bob.pem"], {
    INIT_CWD: directory,
  });
  const { signers } = await loadRecoverKeyring(keyringPath);
  expect(signers.map(({ login }) => login)).toEqual(["alice", "bob"]);
});

test("a key that others can read is refused", async () => {
  await chmod(keyPath, 0o644);
  await expect(loadSigningKey(keyPath)).rejects.toMatchObject({ exitCode: 2 });
});

test("a file that is no key is refused without quoting it", async () => {
  await writeFile(keyPath, "secret words");
  await expect(loadSigningKey(keyPath)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.not.stringContaining("secret words") as string,
  });
});

test("every fault of a keyring is listed", async () => {
  const keyring = JSON.parse(await readFile(keyringPath, "utf8")) as RecoverKeyringJson;
  const [signer] = keyring.signers;
  const signers = [{ ...signer, kid: "0000000000000000" }, signer, signer];
  await writeFile(keyringPath, JSON.stringify({ ...keyring, signers }));
  await expect(loadRecoverKeyring(keyringPath)).rejects.toMatchObject({
    exitCode: 2,
    faults: [
      "signers[0].kid: is not that of its public_key.",
      "signers[2].kid: stands in the keyring twice.",
    ],
  });
});

test("a public key has one text: its last letter's unused bits are zero", async () => {
  const keyring = JSON.parse(await readFile(keyringPath, "utf8")) as RecoverKeyringJson;
  const [signer] = keyring.signers;
  const text = signer?.public_key ?? "";
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const next = letters[letters.indexOf(text.at(-1) ?? "") + 1] ?? "";
  const signers = [{ ...signer, public_key: `${text.slice(0, -1)}${next}` }];
  await writeFile(keyringPath, JSON.stringify({ ...keyring, signers }));
  await expect(loadRecoverKeyring(keyringPath)).rejects.toMatchObject({ exitCode: 2 });
});
