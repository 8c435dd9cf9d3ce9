import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadKeyring, loadPrivateKeyring } from "@org/masking/keyring";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runRecover } from "../run-recover.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "keys-init-"));
});

afterEach(() => rm(directory, { recursive: true }));

test("writes a pair that masking accepts, each readable by its owner alone", async () => {
  const { code, stdout } = await runRecover(["keys", "init"], { INIT_CWD: directory });

  const keyringPath = join(directory, "maskline.keyring.json");
  const privateKeyringPath = join(directory, "maskline.private-keyring.json");
  expect(code).toBe(0);
  expect(stdout).toContain(`MASKLINE_KEYRING=${keyringPath}\n`);
  expect(stdout).toContain(`RECOVER_PRIVATE_KEYRING=${privateKeyringPath}\n`);
  for (const path of [keyringPath, privateKeyringPath]) {
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  }
  const keyring = await loadKeyring(keyringPath, { env: {} });
  const privateKeyring = await loadPrivateKeyring(privateKeyringPath, { env: {} });
  expect(keyring.tokenKeys).toMatchObject([{ state: "primary" }]);
  expect(keyring.recipients).toMatchObject([{ state: "primary" }]);
  expect(privateKeyring.recipients[0]?.kid).toBe(keyring.recipients[0]?.kid);
});

test("the consumer's keyring does not hold the private key", async () => {
  await runRecover(["keys", "init"], { INIT_CWD: directory });
  const privateKeyring = JSON.parse(
    await readFile(join(directory, "maskline.private-keyring.json"), "utf8"),
  ) as { recipients: { private_key: string }[] };
  const keyring = await readFile(join(directory, "maskline.keyring.json"), "utf8");
  const privateKey = privateKeyring.recipients[0]?.private_key ?? "missing";
  expect(privateKey).toHaveLength(43);
  expect(keyring).not.toContain(privateKey);
});

test("with --key-files no keyring holds a secret, and the pair is the same to masking", async () => {
  const { code, stdout } = await runRecover(["keys", "init", "--key-files"], {
    INIT_CWD: directory,
  });

  expect(code).toBe(0);
  expect(stdout).not.toContain("fit for development");
  for (const [name, key] of [
    ["maskline.keyring.json", "t1.key"],
    ["maskline.private-keyring.json", "r1.key"],
  ] as const) {
    expect((await stat(join(directory, key))).mode & 0o777).toBe(0o600);
    const secret = (await readFile(join(directory, key), "utf8")).trim();
    const keyring = await readFile(join(directory, name), "utf8");
    expect(secret).toHaveLength(43);
    expect(keyring).toContain(`"file:${key}"`);
    expect(keyring).not.toContain(secret);
  }
  const keyring = await loadKeyring(join(directory, "maskline.keyring.json"), { env: {} });
  const privateKeyring = await loadPrivateKeyring(
    join(directory, "maskline.private-keyring.json"),
    { env: {} },
  );
  expect(keyring.tokenKeys).toMatchObject([{ kid: "t1", state: "primary" }]);
  expect(privateKeyring.recipients[0]?.kid).toBe(keyring.recipients[0]?.kid);

  const again = await runRecover(
    ["keys", "init", "--key-files", "--keyring", "k", "--private-keyring", "p"],
    { INIT_CWD: directory },
  );
  expect(again.code).toBe(2);
  expect(again.stderr).toContain(join(directory, "t1.key"));
  expect((await readdir(directory)).toSorted()).toEqual([
    "maskline.keyring.json",
    "maskline.private-keyring.json",
    "r1.key",
    "t1.key",
  ]);
});

test.for(["maskline.keyring.json", "maskline.private-keyring.json"])(
  "leaves an existing %s as it is and writes neither",
  async (name) => {
    await writeFile(join(directory, name), "precious");
    const { code, stdout, stderr } = await runRecover(["keys", "init"], { INIT_CWD: directory });
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("a file stands there already");
    expect(stderr).toContain(join(directory, name));
    expect(await readFile(join(directory, name), "utf8")).toBe("precious");
    expect(await readdir(directory)).toEqual([name]);
  },
);

test("leaves no half pair behind when the second file cannot be written", async () => {
  const { code } = await runRecover(["keys", "init", "--keyring", "missing/keyring.json"], {
    INIT_CWD: directory,
  });
  expect(code).toBe(2);
  expect(await readdir(directory)).toEqual([]);
});

test("prints one JSON document with --json", async () => {
  const { stdout } = await runRecover(["keys", "init", "--json", "--tenant", "acme"], {
    INIT_CWD: directory,
  });
  expect(JSON.parse(stdout)).toEqual({
    keyring: join(directory, "maskline.keyring.json"),
    privateKeyring: join(directory, "maskline.private-keyring.json"),
    settings: [
      `MASKLINE_KEYRING=${directory}/maskline.keyring.json`,
      `RECOVER_PRIVATE_KEYRING=${directory}/maskline.private-keyring.json`,
      "MASKLINE_TENANT=acme",
    ],
  });
});
