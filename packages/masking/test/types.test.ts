import { expect, test } from "vitest";
import {
  createTokenizer,
  type Sealed,
  type SealedBatchKey,
  type Seed,
  type Token,
  type Tokenizer,
} from "../src/index.ts";
import { newKeys } from "./keys.ts";

/** A column that takes tokens alone, as a database's types would declare it. */
const store = (token: Token): Token => token;
const storeSealed = (record: { sealed: Sealed; seed: Seed; key: SealedBatchKey }): unknown =>
  record;

/** What masks two fields. */
const needed = (tokenizer: Tokenizer<"email" | "ip">): string =>
  tokenizer.tokenize("ip", "192.0.2.1");

test("only a tokenizer's text is a Token, and bytes are not sealed ones", async () => {
  const { keyring } = await newKeys();
  const tokenizer = createTokenizer(keyring, { tenant: "acme", fields: { ip: "ip/1" } });
  expect(store(tokenizer.tokenize("ip", "192.0.2.1"))).toMatch(/^mk1\./);

  // @ts-expect-error A plain string is not a Token.
  store("192.0.2.1");
  // @ts-expect-error Nor is one that looks like a token.
  store(`mk1.t1.${"A".repeat(43)}`);
  // @ts-expect-error The tokenizer has no such field.
  expect(() => tokenizer.tokenize("account", "x")).toThrow("no such field");
  const bytes = new Uint8Array(32);
  // @ts-expect-error Plain bytes are neither sealed nor a seed.
  storeSealed({ sealed: bytes, seed: bytes, key: bytes });
});

test("a tokenizer that lacks a field does not pass for one that has it", async () => {
  const { keyring } = await newKeys();
  const fields = { ip: "ip/1", email: "email/1", phone: "phone/1" } as const;
  expect(needed(createTokenizer(keyring, { tenant: "acme", fields }))).toMatch(/^mk1\./);

  const lacking = createTokenizer(keyring, { tenant: "acme", fields: { ip: "ip/1" } });
  // @ts-expect-error The tokenizer has no field `email`.
  expect(needed(lacking)).toMatch(/^mk1\./);
});
