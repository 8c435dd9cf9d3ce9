/** Compiled, not run: what the types promise where there is no Node, not even for the compiler. */

import { createSealer, createTokenizer, resolveKeyring, type Token } from "@org/masking/web";

export async function mask(json: unknown, ip: string): Promise<Token> {
  const keyring = await resolveKeyring(json);
  const batch = await createSealer(keyring, { tenant: "acme" }).openBatch();
  batch.wipe();
  const tokenizer = await createTokenizer(keyring, { tenant: "acme", fields: { ip: "ip/1" } });
  return tokenizer.tokenize("ip", ip);
}
