import { expect, test } from "vitest";
import { createTokenizer } from "../../src/index.ts";
import { createSealer } from "../../src/seal.ts";
import { batchKeyIdOf, createUnsealer, retoken } from "../../src/unseal.ts";
import { newKeys } from "../keys.ts";

const tenant = "acme";
const at = { table: "user_logins", recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d" };

test("a record gets tokens of the new key, a fresh seed and a fresh batch key, and still opens", async () => {
  const { keyring, privateKeyring } = await newKeys();
  const sealer = createSealer(keyring, { tenant });
  const unsealer = createUnsealer(privateKeyring, { tenant });
  const opened = async (batch: ReturnType<typeof sealer.openBatch>) => {
    const [key] = batch.sealedKeys;
    return unsealer.openBatchKey(batch.id, key?.recipient ?? "", key?.sealed ?? new Uint8Array(0));
  };
  const fields = { ip: "192.0.2.1", device_id: "593-47-5928" };
  const before = sealer.openBatch();
  const stored = before.seal(at, fields);

  const tokenizer = createTokenizer(keyring, {
    tenant,
    fields: { ip: "ip/1", ip_network: "ip-net/1", device_id: "exact/1" },
  });
  const after = sealer.openBatch();
  const { tokens, sealed, seed } = retoken(
    { at, ...stored },
    {
      from: await opened(before),
      to: after,
      tokens: ({ ip = "", device_id = "" }) => ({
        ip: tokenizer.tokenize("ip", ip),
        ip_network: tokenizer.tokenize("ip_network", ip),
        device_id: tokenizer.tokenize("device_id", device_id),
      }),
    },
  );

  expect(tokens).toEqual({
    ip: tokenizer.tokenize("ip", fields.ip),
    ip_network: tokenizer.tokenize("ip_network", fields.ip),
    device_id: tokenizer.tokenize("device_id", fields.device_id),
  });
  expect(batchKeyIdOf(sealed)).toBe(after.id);
  expect(Buffer.compare(seed, stored.seed)).not.toBe(0);
  expect((await opened(after)).unseal(at, sealed, seed)).toEqual(fields);
});
