import { expect, test, vi } from "vitest";
import { createTokenizer, type Tokenizer } from "../../src/index.ts";
import { generateKeyring, resolveKeyring } from "../../src/keyring.ts";
import { createSealer } from "../../src/seal.ts";
import { batchKeyIdOf, createUnsealer, retoken } from "../../src/unseal.ts";
import { noSources, resolveBoth } from "../keys.ts";

const tenant = "acme";
const at = { table: "user_logins", recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d" };

/** A keyring, and the same after its token key was rotated from t1 to t2. */
async function rotatedKeys() {
  const json = generateKeyring();
  const rotated = {
    ...json.keyring,
    token_keys: [
      ...generateKeyring({ tokenKid: "t2" }).keyring.token_keys,
      ...json.keyring.token_keys.map((key) => ({ ...key, state: "match_only" as const })),
    ],
  };
  const { keyring, privateKeyring } = await resolveBoth(json);
  return { keyring, privateKeyring, rotated: await resolveKeyring(rotated, noSources) };
}

const fields = { ip: "192.0.2.1", account: "593-47-5928" };
const norms = { ip: "ip/1", ip_network: "ip-net/1", account: "exact/1" } as const;

const tokensBy =
  (tokenizer: Tokenizer<keyof typeof norms>) =>
  ({ ip = "", account = "" }: Readonly<Record<string, string>>) => ({
    ip: tokenizer.tokenize("ip", ip),
    ip_network: tokenizer.tokenize("ip_network", ip),
    account: tokenizer.tokenize("account", account),
  });

test("a record gets tokens of the new key, a fresh seed and a fresh batch key, and still opens", async () => {
  const { keyring, privateKeyring, rotated } = await rotatedKeys();
  const sealer = createSealer(keyring, { tenant });
  const unsealer = createUnsealer(privateKeyring, { tenant });
  const opened = async (batch: ReturnType<typeof sealer.openBatch>) => {
    const [key] = batch.sealedKeys;
    return unsealer.openBatchKey(batch.id, key?.recipient ?? "", key?.sealed ?? new Uint8Array(0));
  };
  const before = sealer.openBatch();
  const stored = before.seal(at, fields);
  const old = tokensBy(createTokenizer(keyring, { tenant, fields: norms }))(fields);
  expect(old.ip).toMatch(/^mk1\.t1\./);

  const tokenizer = createTokenizer(rotated, { tenant, fields: norms });
  const after = createSealer(rotated, { tenant }).openBatch();
  const { tokens, sealed, seed } = retoken(
    { at, ...stored },
    { from: await opened(before), to: after, tokens: tokensBy(tokenizer) },
  );

  expect(tokens).toEqual(tokensBy(tokenizer)(fields));
  for (const token of Object.values(tokens)) expect(token).toMatch(/^mk1\.t2\./);
  expect(tokenizer.candidates("ip", fields.ip)).toEqual([tokens.ip, old.ip]);
  expect(batchKeyIdOf(sealed)).toBe(after.id);
  expect(Buffer.compare(seed, stored.seed)).not.toBe(0);
  expect((await opened(after)).unseal(at, sealed, seed)).toEqual(fields);
});

test("a record is not resealed in the batch that it leaves, and is not even opened for it", async () => {
  const { keyring, privateKeyring } = await rotatedKeys();
  const batch = createSealer(keyring, { tenant }).openBatch();
  const stored = batch.seal(at, fields);
  const [key] = batch.sealedKeys;
  if (!key) throw new Error("sealed to nobody");
  const unsealer = createUnsealer(privateKeyring, { tenant });
  const from = await unsealer.openBatchKey(batch.id, key.recipient, key.sealed);
  const tokens = vi.fn<() => string>();
  expect(() => retoken({ at, ...stored }, { from, to: batch, tokens })).toThrow(
    expect.objectContaining({ code: "ERR_MASKING_INPUT_INVALID" }),
  );
  expect(tokens).not.toHaveBeenCalled();
});
