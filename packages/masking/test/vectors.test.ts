import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { canonicalize, createTokenizer, type NormId, parseToken } from "../src/index.ts";
import { resolveKeyring, resolvePrivateKeyring } from "../src/keyring.ts";
import { createUnsealer } from "../src/unseal.ts";
import * as web from "../src/web.ts";
import { generateVectors } from "../vectors/generate.ts";
import { describeVectors } from "./contract/vectors.ts";

const sources = { env: {} };

describeVectors("node:crypto", {
  canonicalize: (norm, value) => canonicalize(norm as NormId, value),
  async candidates(json, { tenant, field, norm, value }) {
    const keyring = await resolveKeyring(json, sources);
    const tokenizer = createTokenizer(keyring, { tenant, fields: { [field]: norm as NormId } });
    return tokenizer.candidates(field, value);
  },
  parseToken,
  checkKeyring: (json) => resolveKeyring(json, sources),
  checkPrivateKeyring: (json) => resolvePrivateKeyring(json, sources),
  async openBatchKey(json, { tenant, id, recipient, sealed }) {
    const keyring = await resolvePrivateKeyring(json, sources);
    return createUnsealer(keyring, { tenant }).openBatchKey(id, recipient, sealed);
  },
});

describeVectors("WebCrypto", {
  canonicalize: (norm, value) => web.canonicalize(norm as NormId, value),
  async candidates(json, { tenant, field, norm, value }) {
    const keyring = await web.resolveKeyring(json);
    const options = { tenant, fields: { [field]: norm as NormId } };
    return (await web.createTokenizer(keyring, options)).candidates(field, value);
  },
  parseToken: web.parseToken,
  checkKeyring: (json) => web.resolveKeyring(json),
  checkPrivateKeyring: (json) => web.resolvePrivateKeyring(json),
  async openBatchKey(json, { tenant, id, recipient, sealed }) {
    const keyring = await web.resolvePrivateKeyring(json);
    return web.createUnsealer(keyring, { tenant }).openBatchKey(id, recipient, sealed);
  },
});

test("the vector files are what the generator makes", async () => {
  for (const [name, text] of await generateVectors()) {
    expect(await readFile(new URL(`../vectors/${name}`, import.meta.url), "utf8")).toBe(text);
  }
});
