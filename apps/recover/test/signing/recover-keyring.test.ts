import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  approvalsFor,
  findSigner,
  type KeyJson,
  loadRecoverKeyring,
  loadSigningKey,
  type RecoverKeyringJson,
} from "@org/recovery";
import { runRecover } from "../run-recover.ts";

let directory: string;
let keyPath: string;
let keyringPath: string;

const signer = (...argv: string[]) =>
  runRecover(["keys", "signer", ...argv], { INIT_CWD: directory });

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "signing-"));
  keyPath = join(directory, "alice.pem");
  keyringPath = join(directory, "maskline.recover.keyring.json");
  await signer(
    "--login",
    "alice",
    "--key",
    "alice.pem",
    "--deployment",
    "test-1",
    "--sink",
    "sink",
  );
});

afterEach(() => rm(directory, { recursive: true }));

const read = async (): Promise<RecoverKeyringJson> =>
  JSON.parse(await readFile(keyringPath, "utf8")) as RecoverKeyringJson;

async function edit(changes: Partial<RecoverKeyringJson>): Promise<void> {
  await writeFile(keyringPath, JSON.stringify({ ...(await read()), ...changes }));
}

/** The keyring of alice with these keys, as loading ends. */
async function loadWithKeys(change: (key: KeyJson) => readonly object[]): Promise<unknown> {
  const { operators } = await read();
  const changed = operators.map((operator) => ({
    ...operator,
    keys: operator.keys.flatMap(change),
  }));
  await writeFile(keyringPath, JSON.stringify({ ...(await read()), operators: changed }));
  return loadRecoverKeyring(keyringPath).then(
    () => "loaded",
    ({ exitCode, faults }: { exitCode: number; faults: readonly string[] }) => ({
      exitCode,
      faults,
    }),
  );
}

test("the private key is its owner's alone, and the keyring holds only the public half", async () => {
  expect((await stat(keyPath)).mode & 0o777).toBe(0o600);
  expect(await readFile(keyringPath, "utf8")).not.toContain("PRIVATE");
  const { signers } = await loadRecoverKeyring(keyringPath);
  const key = await loadSigningKey(keyPath);
  expect(signers).toMatchObject([{ login: "alice", state: "active", kid: key.kid }]);
});

test("a new keyring says which deployment it is of, and where checkpoints go", async () => {
  const { deployment, sinks } = await loadRecoverKeyring(keyringPath);
  expect({ deployment, sinks }).toEqual({ deployment: "test-1", sinks: [join(directory, "sink")] });
});

test("a relative place for checkpoints is where the keyring is, wherever the tool is called", async () => {
  await edit({ sinks: ["checkpoints", "s3://audit/prod"] });
  const { sinks } = await loadRecoverKeyring(keyringPath);
  expect(sinks).toEqual([join(directory, "checkpoints"), "s3://audit/prod"]);
});

test("a second person is added beside the first, with the duties that are named", async () => {
  await signer("--login", "bob", "--key", "bob.pem", "--duty", "approve");
  const { signers } = await loadRecoverKeyring(keyringPath);
  expect(signers.map(({ login, duties }) => [login, duties])).toEqual([
    ["alice", ["request", "approve", "witness", "administer"]],
    ["bob", ["approve"]],
  ]);
});

test("a second key of a person gives them no duty more", async () => {
  await signer("--login", "bob", "--key", "bob.pem", "--duty", "approve");
  await signer("--login", "bob", "--key", "bob-2.pem", "--duty", "witness");
  const keyring = await loadRecoverKeyring(keyringPath);
  const { kid } = await loadSigningKey(join(directory, "bob-2.pem"));
  expect(findSigner(keyring, kid, "approve")?.login).toBe("bob");
  expect(findSigner(keyring, kid, "witness")).toBeUndefined();
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

test.for([0o666, 0o664, 0o646])(
  "a keyring that others may write (%o) names nobody",
  async (mode) => {
    await chmod(keyringPath, mode);
    await expect(loadRecoverKeyring(keyringPath)).rejects.toMatchObject({
      exitCode: 2,
      faults: ["Others may write it, and name whom they like."],
    });
    // Nor is anybody added to it, which would make it look reviewed.
    expect((await signer("--login", "bob", "--key", "bob.pem")).code).toBe(2);
  },
);

test("every fault of a keyring is listed", async () => {
  const found = await loadWithKeys((key) => [{ ...key, kid: "0000000000000000" }, key, key]);
  expect(found).toEqual({
    exitCode: 2,
    faults: [
      "operators[0].keys[0].kid: is not that of its public_key.",
      "operators[0].keys[2].kid: stands in the keyring twice.",
    ],
  });
});

test.for([
  ["an unknown duty", { operators: [{ login: "alice", duties: ["rule"], keys: [] }] }],
  ["a member that it does not know", { admin: "mallory" }],
  ["no number of approvals for few records", { approvals: [{ above: 10, required: 2 }] }],
  ["a deployment that could end a line", { deployment: "prod\n1" }],
])("%s is refused", async ([, changes]) => {
  await edit(changes as Partial<RecoverKeyringJson>);
  await expect(loadRecoverKeyring(keyringPath)).rejects.toMatchObject({ exitCode: 2 });
});

test("a public key has one text: its last letter's unused bits are zero", async () => {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const found = await loadWithKeys((key) => {
    const next = letters[letters.indexOf(key.public_key.at(-1) ?? "") + 1] ?? "";
    return [{ ...key, public_key: `${key.public_key.slice(0, -1)}${next}` }];
  });
  expect(found).toMatchObject({ exitCode: 2 });
});

/** Little-endian encodings of y, with and without the sign of x. */
const y = (hex: string): string[] => {
  const bytes = Buffer.from(hex, "hex");
  const signed = Buffer.from(bytes);
  signed[31] = (signed[31] ?? 0) | 0x80;
  return [bytes.toString("base64url"), signed.toString("base64url")];
};

const badKeys: [string, string[]][] = [
  ["the neutral point", y(`01${"00".repeat(31)}`)],
  ["the point of order 2", y(`ec${"ff".repeat(30)}7f`)],
  ["the points of order 4", y("00".repeat(32))],
  ["points of order 8", y("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")],
  ["more points of order 8", y("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")],
  ["zero, not reduced", y(`ed${"ff".repeat(30)}7f`)],
  ["one, not reduced", y(`ee${"ff".repeat(30)}7f`)],
  ["the greatest number of 255 bits", y(`${"ff".repeat(31)}7f`)],
];

test.for(badKeys)("%s is no public key", async ([, texts]) => {
  for (const public_key of texts) {
    expect(await loadWithKeys((key) => [{ ...key, public_key }])).toMatchObject({
      exitCode: 2,
      faults: [expect.stringMatching(/\.public_key: is (no canonical|an) Ed25519 point/) as string],
    });
  }
});

test("more records need as many approvals as the greatest step says, from its day on", async () => {
  await edit({
    approvals: [
      { above: 0, required: 1 },
      { above: 100, required: 2 },
      { above: 1000, required: 3, since: "2026-06-01T00:00:00Z" },
    ],
  });
  const keyring = await loadRecoverKeyring(keyringPath);
  const may = Date.parse("2026-05-01T00:00:00Z");
  const july = Date.parse("2026-07-01T00:00:00Z");
  const needed = [0, 1, 100, 101, 1001].map((records) => [
    approvalsFor(keyring, { records, atMs: may }),
    approvalsFor(keyring, { records, atMs: july }),
  ]);
  expect(needed).toEqual([
    [1, 1],
    [1, 1],
    [1, 1],
    [2, 2],
    [2, 3],
  ]);
});

test("an operator may be a subject of an OpenID provider, and no two are one", async () => {
  await signer("--login", "bob", "--key", "bob.pem", "--duty", "approve");
  const subject = { issuer: "https://id.example.com", sub: "0190" };
  const { operators } = await read();
  const named = (...logins: readonly string[]) => ({
    operators: operators.map((operator) =>
      logins.includes(operator.login) ? { ...operator, subject } : operator,
    ),
  });
  await edit(named("bob"));
  const { members } = await loadRecoverKeyring(keyringPath);
  expect(members.map((member) => [member.login, member.subject])).toEqual([
    ["alice", null],
    ["bob", subject],
  ]);
  await edit(named("alice", "bob"));
  await expect(loadRecoverKeyring(keyringPath)).rejects.toMatchObject({
    exitCode: 2,
    faults: ["operators[1].subject: stands in the keyring twice."],
  });
});
