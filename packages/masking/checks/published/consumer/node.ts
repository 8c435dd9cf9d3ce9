/** Compiled, not run: what the types promise to a Node user. */

import { createTokenizer, type Token } from "@org/masking";
import { loadKeyring, loadPrivateKeyring } from "@org/masking/keyring";
import { createSealer } from "@org/masking/seal";
import { createUnsealer } from "@org/masking/unseal";

export async function mask(ip: string): Promise<Token> {
  const keyring = await loadKeyring("keyring.json", { env: {} });
  const tokenizer = createTokenizer(keyring, { tenant: "acme", fields: { ip: "ip/1" } });
  // @ts-expect-error The tokenizer has no such field.
  tokenizer.candidates("account", ip);
  // @ts-expect-error Plain text is not a token.
  const plain: Token = ip;
  return plain === "" ? plain : tokenizer.tokenize("ip", ip);
}

export async function roundTrip(recordId: string): Promise<Record<string, string>> {
  const keyring = await loadKeyring("keyring.json", { env: {} });
  const batch = createSealer(keyring, { tenant: "acme" }).openBatch();
  const at = { table: "logins", recordId };
  const { sealed, seed } = batch.seal(at, { ip: "192.0.2.1" });
  const privateKeyring = await loadPrivateKeyring("private-keyring.json", { env: {} });
  const unsealer = createUnsealer(privateKeyring, { tenant: "acme" });
  const [key] = batch.sealedKeys;
  if (!key) throw new Error("sealed to nobody");
  const opener = await unsealer.openBatchKey(batch.id, key.recipient, key.sealed);
  return opener.unseal(at, sealed, seed);
}
