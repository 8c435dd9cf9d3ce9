import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { MaskingError } from "../../src/index.ts";
import {
  generateKeyring,
  type KeyringJson,
  type KeyService,
  type KeySources,
  loadKeyring,
  loadPrivateKeyring,
  resolveKeyring,
  resolvePrivateKeyring,
  writeKeyring,
} from "../../src/keyring.ts";
import { noSources } from "../keys.ts";

const { keyring, privateKeyring } = generateKeyring();
const [tokenKey] = keyring.token_keys;
const [recipient] = keyring.recipients;
const [opener] = privateKeyring.recipients;
if (!tokenKey || !recipient || !opener) throw new Error("incomplete");

async function newPath(name: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "keyring-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return join(directory, name);
}

const withTokenKey = (change: object): unknown => ({
  ...keyring,
  token_keys: [{ ...tokenKey, ...change }],
});

/** The error that loading ends with. */
async function refusalOf(loading: Promise<unknown>): Promise<MaskingError> {
  const error = await loading.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof MaskingError) return error;
  throw new Error("was not refused by a MaskingError", { cause: error });
}

const secretOf = async (json: unknown, sources: KeySources) => {
  const [key] = (await resolveKeyring(json, sources)).tokenKeys;
  return key?.state === "disabled" ? undefined : key?.secret.export().toString("base64url");
};

describe("a reference", () => {
  test("is looked up in the environment that was given", async () => {
    const json = withTokenKey({ key: "env:TOKEN_KEY" });
    expect(await secretOf(json, { env: { TOKEN_KEY: `${tokenKey.key}\n` } })).toBe(tokenKey.key);
  });

  test("is looked up in a file, from the keyring's own directory", async () => {
    const path = await newPath("keyring.json");
    await writeFile(join(path, "..", "token.key"), `${tokenKey.key}\n`, { mode: 0o600 });
    await writeFile(path, JSON.stringify(withTokenKey({ key: "file:token.key" })));
    const loaded = await loadKeyring(path, noSources);
    expect(loaded.tokenKeys[0]?.state).toBe("primary");
  });

  test("to a KMS unwraps a token key, once, with its ciphertext", async () => {
    const asked: string[] = [];
    const kms: KeyService = {
      unwrapKey: async (arn, wrapped) => {
        asked.push(`${arn} ${Buffer.from(wrapped).toString()}`);
        return Buffer.from(tokenKey.key, "base64url");
      },
      deriveSharedSecret: () => Promise.reject(new Error("not asked for")),
    };
    const wrapped_key = Buffer.from("wrapped").toString("base64url");
    const json = withTokenKey({ key: "aws-kms:arn:aws:kms:x:1:key/k", wrapped_key });
    expect(await secretOf(json, { env: {}, kms })).toBe(tokenKey.key);
    expect(asked).toEqual(["arn:aws:kms:x:1:key/k wrapped"]);
  });

  test("to a KMS leaves a private key where it is and asks for one derivation a point", async () => {
    const kms: KeyService = {
      unwrapKey: () => Promise.reject(new Error("not asked for")),
      deriveSharedSecret: async (arn, point) => Buffer.from(`${arn} ${point.length}`),
    };
    const json = {
      ...privateKeyring,
      recipients: [{ ...opener, private_key: "aws-kms:arn:k" }],
    };
    const [remote] = (await resolvePrivateKeyring(json, { env: {}, kms })).recipients;
    if (remote?.state !== "primary") throw new Error("not loaded");
    const shared = await remote.deriveSharedSecret(remote.publicKey);
    expect(Buffer.from(shared).toString()).toBe("arn:k 65");
    // What is no point is refused here, before it costs a call.
    await expect(remote.deriveSharedSecret(new Uint8Array(65))).rejects.toMatchObject({
      code: "ERR_MASKING_UNSEAL_FAILED",
    });
  });

  test("of a disabled key is not looked up", async () => {
    const json = {
      ...keyring,
      token_keys: [tokenKey, { kid: "gone", state: "disabled", key: "env:GONE" }],
      recipients: [{ kid: "gone", state: "disabled", public_key: "file:/gone" }],
    };
    const loaded = await resolveKeyring(json, noSources);
    expect(loaded.tokenKeys[1]).toEqual({ kid: "gone", state: "disabled" });
    expect(loaded.recipients[0]).toEqual({ kid: "gone", state: "disabled" });
  });

  test.each([
    ["env:GONE", "environment variable that is not set"],
    ["env:toString", "environment variable that is not set"],
    ["file:/nowhere/at/all", "cannot be read (ENOENT)"],
    ["aws-kms:arn:k", "needs a wrapped_key beside it"],
    ["vault:key", "none of env:, file:, aws-kms:"],
  ])("%s that leads nowhere is a fault", async (key, reason) => {
    const { faults } = await refusalOf(resolveKeyring(withTokenKey({ key }), noSources));
    expect(faults).toEqual([expect.stringContaining(reason)]);
  });

  test("to a KMS is a fault when the KMS fails", async () => {
    const json = withTokenKey({ key: "aws-kms:arn:k", wrapped_key: "AAAA" });
    const kms: KeyService = {
      unwrapKey: () => Promise.reject(new Error("AccessDenied for arn:secret")),
      deriveSharedSecret: () => Promise.reject(new Error("not asked for")),
    };
    const failing = await refusalOf(resolveKeyring(json, { env: {}, kms }));
    expect(failing.faults).toEqual([expect.stringContaining("could not be unwrapped")]);
    expect(failing.message).not.toContain("AccessDenied");
  });
});

describe("a file", () => {
  test("with a key in it must not be readable by group or others", async () => {
    const path = await newPath("keyring.json");
    await writeKeyring(path, keyring);
    for (const mode of [0o640, 0o604, 0o660, 0o666]) {
      await chmod(path, mode);
      const { faults } = await refusalOf(loadKeyring(path, noSources));
      expect(faults).toEqual([expect.stringContaining("readable by group or others")]);
    }
    await chmod(path, 0o400);
    await expect(loadKeyring(path, noSources)).resolves.toBeDefined();
  });

  // As Kubernetes mounts a Secret for a pod with an fsGroup: root's, and readable by that group.
  test.runIf(process.geteuid?.() === 0)("of root's may be readable by the group", async () => {
    const path = await newPath("keyring.json");
    await writeKeyring(path, keyring);
    const identity = vi.spyOn(process, "geteuid").mockReturnValue(1000);
    onTestFinished(() => identity.mockRestore());
    await chmod(path, 0o440);
    await expect(loadKeyring(path, noSources)).resolves.toBeDefined();
    await chmod(path, 0o444);
    const { faults } = await refusalOf(loadKeyring(path, noSources));
    expect(faults).toEqual([expect.stringContaining("readable by group or others")]);
  });

  test("that is referred to must not be either", async () => {
    const path = await newPath("token.key");
    await writeFile(path, tokenKey.key);
    await chmod(path, 0o644);
    const json = withTokenKey({ key: `file:${path}` });
    const { faults } = await refusalOf(resolveKeyring(json, noSources));
    expect(faults).toEqual([expect.stringContaining("readable by group or others")]);
  });

  test("that only refers to keys, and public keys, may be readable by anyone", async () => {
    const path = await newPath("keyring.json");
    await writeFile(join(path, "..", "r1.pub"), recipient.public_key, { mode: 0o644 });
    const json = {
      ...keyring,
      token_keys: [{ ...tokenKey, key: "env:TOKEN_KEY" }],
      recipients: [{ ...recipient, public_key: "file:r1.pub" }],
    };
    await writeFile(path, JSON.stringify(json));
    await chmod(path, 0o644);
    const sources = { env: { TOKEN_KEY: tokenKey.key } };
    await expect(loadKeyring(path, sources)).resolves.toBeDefined();

    // But nobody else may put a public key of his own into it.
    const publicKeyPath = join(path, "..", "r1.pub");
    await chmod(path, 0o664);
    await chmod(publicKeyPath, 0o646);
    for (const place of ["The keyring file is", "recipients[0].public_key names a file that is"]) {
      const { faults } = await refusalOf(loadKeyring(path, sources));
      expect(faults).toEqual([expect.stringContaining(`${place} writable by group or others`)]);
      await chmod(path, 0o644);
    }
  });

  test.each([
    ["does not exist", null, "cannot be read (ENOENT)"],
    ["is not JSON", `{"token_keys": "sentinel`, "is not JSON"],
  ])("that %s is a fault", async (_, text, reason) => {
    const path = await newPath("keyring.json");
    if (text !== null) await writeFile(path, text);
    const error = await refusalOf(loadKeyring(path, noSources));
    expect(error.code).toBe("ERR_MASKING_KEY_INVALID");
    expect(error.faults).toEqual([expect.stringContaining(reason)]);
    expect(error.message).not.toContain("sentinel");
  });
});

describe("a new keyring", () => {
  test("is written for its owner alone, and loads", async () => {
    const path = await newPath("keyring.json");
    const privatePath = join(path, "..", "private-keyring.json");
    await writeKeyring(path, keyring);
    await writeKeyring(privatePath, privateKeyring);
    for (const written of [path, privatePath]) {
      expect((await stat(written)).mode & 0o777).toBe(0o600);
    }
    expect((await loadKeyring(path, noSources)).tokenKeys).toHaveLength(1);
    expect((await loadPrivateKeyring(privatePath, noSources)).recipients).toHaveLength(1);
  });

  test("does not replace a file", async () => {
    const path = await newPath("keyring.json");
    await writeFile(path, "precious");
    const error = await refusalOf(writeKeyring(path, keyring));
    expect(error.code).toBe("ERR_MASKING_KEY_INVALID");
    expect(await readFile(path, "utf8")).toBe("precious");
  });

  test("has keys of its own, and its private half apart", () => {
    const other = generateKeyring();
    expect(other.keyring.token_keys[0]?.key).not.toBe(tokenKey.key);
    expect(JSON.stringify(keyring)).not.toContain(opener.private_key);
    expect(JSON.stringify(privateKeyring)).not.toContain(tokenKey.key);
  });

  test("always has a private key of 32 bytes", async () => {
    for (let made = 0; made < 300; made += 1) {
      const { privateKeyring: json } = generateKeyring();
      const [entry] = json.recipients;
      expect(Buffer.from(entry?.private_key ?? "", "base64url")).toHaveLength(32);
    }
  });
});

describe("faults", () => {
  test("are all listed at once, each with its place", async () => {
    const json = {
      format: "mk1/keyring",
      token_keys: [
        { kid: "t1", state: "primary", key: "AAAA" },
        { kid: "T2", state: "active", key: 7 },
        { kid: "t3", state: "pending", key: "env:GONE" },
        "not an entry",
      ],
      recipients: [
        { kid: "r1", state: "primary", public_key: "AAAA" },
        { kid: "r1", state: "pending", public_key: recipient.public_key, note: "x" },
      ],
      extra: {},
    };
    const { message, faults } = await refusalOf(resolveKeyring(json, noSources));
    const places = faults.map((fault) => fault.split(" ")[0]);
    expect(places).toEqual([
      "The",
      "token_keys[1].kid",
      "token_keys[1].state",
      "token_keys[1].key",
      "token_keys[3]",
      "recipients[1]",
      "recipients[1].kid",
      "token_keys[0].key",
      "token_keys[2].key",
      "recipients[0].public_key",
    ]);
    for (const fault of faults) expect(message).toContain(fault);
  });

  test("name both halves of a private entry", async () => {
    const json = {
      ...privateKeyring,
      recipients: [{ ...opener, public_key: "AAAA", private_key: "AAAA" }],
    };
    const { faults } = await refusalOf(resolvePrivateKeyring(json, noSources));
    expect(faults).toHaveLength(2);
  });

  test("never hold what the keyring holds", async () => {
    const mark = "s3ntinel";
    const value = fc.oneof(
      fc.constant(mark),
      fc.constant(`env:${mark}`),
      fc.constant(`x:${mark}`),
      fc.constant({ [mark]: mark }),
    );
    const entry = fc.oneof(
      value,
      fc.record(
        { kid: value, state: value, key: value, public_key: value, [mark]: value },
        { requiredKeys: [] },
      ),
    );
    const json = fc.record(
      {
        format: value,
        token_keys: fc.oneof(value, fc.array(entry)),
        recipients: fc.array(entry),
        [mark]: value,
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(json, async (candidate) => {
        const error = await refusalOf(resolveKeyring(candidate, noSources));
        expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain(mark);
      }),
    );
  });

  test("never hold a key, whatever is wrong with it", async () => {
    const keys: KeyringJson["token_keys"][number][] = [
      { ...tokenKey, key: tokenKey.key.slice(0, 30) },
      { ...tokenKey, kid: "t9", state: "pending" },
      { ...tokenKey, kid: "t8", state: "pending", key: `${tokenKey.key}=` },
    ];
    const error = await refusalOf(
      resolveKeyring({ ...keyring, token_keys: [tokenKey, ...keys] }, noSources),
    );
    expect(error.message).not.toContain(tokenKey.key.slice(0, 30));
  });
});
