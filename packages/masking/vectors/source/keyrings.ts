/** Keyrings that load, and keyrings that do not. */

import { concat, utf8 } from "../../src/format/bytes.ts";
import {
  base64url,
  fixedBytes,
  flipped,
  hybrid,
  inlineKey,
  keyInvalid,
  keyring,
  privateKeyring,
  recipient,
  stranger,
} from "./fixtures.ts";

export function keyringVectors(): unknown {
  const key = keyring.token_keys[0];
  const one = keyring.recipients[0];
  const opener = privateKeyring.recipients[0];
  const withKey = (change: object): object => ({ ...keyring, token_keys: [{ ...key, ...change }] });
  const withRecipient = (change: object): object => ({
    ...keyring,
    recipients: [{ ...one, ...change }],
  });
  const withOpener = (change: object): object => ({
    ...privateKeyring,
    recipients: [{ ...opener, ...change }],
  });
  const text = base64url(utf8("correct horse battery staple and more"));
  return {
    accepted: [
      { name: "all states", keyring },
      { name: "no recipient", keyring: { ...keyring, recipients: [] } },
      {
        name: "a disabled key that cannot be looked up",
        keyring: {
          ...keyring,
          token_keys: [key, { kid: "x", state: "disabled", key: "env:GONE" }],
        },
      },
      {
        name: "a variable with white space around its key",
        keyring: withKey({ key: "env:TOKEN_KEY" }),
        env: { TOKEN_KEY: `\t ${inlineKey("token key t2")}\r\n` },
      },
      { name: "private", privateKeyring },
    ],
    refused: [
      { name: "not an object", keyring: [] },
      { name: "another format", keyring: { ...keyring, format: "mk2/keyring" } },
      { name: "an unknown member", keyring: { ...keyring, extra: true } },
      { name: "no token key", keyring: { ...keyring, token_keys: [] } },
      { name: "no primary token key", keyring: withKey({ state: "match_only" }) },
      {
        name: "two primary token keys",
        keyring: {
          ...keyring,
          token_keys: [key, { ...key, kid: "t9", key: inlineKey("token key t9") }],
        },
      },
      {
        name: "one kid twice",
        keyring: { ...keyring, token_keys: [key, { ...keyring.token_keys[1], kid: "t2" }] },
      },
      {
        name: "one token key twice",
        keyring: { ...keyring, token_keys: [key, { ...key, kid: "t9", state: "pending" }] },
      },
      { name: "an upper-case kid", keyring: withKey({ kid: "T2" }) },
      { name: "an unknown state", keyring: withKey({ state: "active" }) },
      { name: "a recipient's state on a token key", keyring: withKey({ state: "decrypt_only" }) },
      { name: "no key", keyring: withKey({ key: undefined }) },
      { name: "an empty key", keyring: withKey({ key: "" }) },
      {
        name: "a key of 31 bytes",
        keyring: withKey({ key: base64url(fixedBytes("short", 32).subarray(1)) }),
      },
      {
        name: "a key of 65 bytes",
        keyring: withKey({
          key: base64url(concat(fixedBytes("long", 64), Uint8Array.of(7))),
        }),
      },
      { name: "a key of zeros", keyring: withKey({ key: base64url(new Uint8Array(32)) }) },
      {
        name: "a key that counts",
        keyring: withKey({ key: base64url(Uint8Array.from({ length: 32 }, (_, at) => at)) }),
      },
      {
        name: "a key of few different bytes",
        keyring: withKey({
          key: base64url(Uint8Array.from({ length: 32 }, (_, at) => (at * 97) % 16)),
        }),
      },
      { name: "a key that is text", keyring: withKey({ key: text }) },
      { name: "a key with padding", keyring: withKey({ key: `${inlineKey("token key t2")}=` }) },
      {
        name: "a key behind an unknown scheme",
        keyring: withKey({ key: "vault:secret/data/key" }),
      },
      { name: "a key behind a variable that is not set", keyring: withKey({ key: "env:GONE" }) },
      {
        name: "a key behind a name that objects inherit",
        keyring: withKey({ key: "env:toString" }),
      },
      {
        name: "a variable with a no-break space behind its key",
        keyring: withKey({ key: "env:TOKEN_KEY" }),
        env: { TOKEN_KEY: `${inlineKey("token key t2")}\u00a0` },
      },
      {
        name: "an inline key with a line end",
        keyring: withKey({ key: `${inlineKey("token key t2")}\n` }),
      },
      {
        name: "an inline key with a ciphertext beside it",
        keyring: withKey({ wrapped_key: "AAAA" }),
      },
      {
        name: "a variable with a ciphertext beside it",
        keyring: withKey({ key: "env:TOKEN_KEY", wrapped_key: "AAAA" }),
        env: { TOKEN_KEY: inlineKey("token key t2") },
      },
      {
        name: "an inline public key with a space before it",
        keyring: withRecipient({ public_key: ` ${base64url(recipient.publicKey)}` }),
      },
      {
        name: "a public key in hybrid form",
        keyring: withRecipient({ public_key: base64url(hybrid(recipient.publicKey)) }),
      },
      {
        name: "a KMS key without its ciphertext",
        keyring: withKey({ key: "aws-kms:arn:aws:kms:eu-west-1:111122223333:key/k" }),
      },
      {
        name: "a compressed public key",
        keyring: withRecipient({
          public_key: base64url(concat(Uint8Array.of(2), recipient.publicKey.subarray(1, 33))),
        }),
      },
      {
        name: "a public key off the curve",
        keyring: withRecipient({ public_key: base64url(flipped(recipient.publicKey, 64)) }),
      },
      {
        name: "one public key twice",
        keyring: { ...keyring, recipients: [one, { ...one, kid: "r2" }] },
      },
      {
        name: "a private keyring of nobody",
        privateKeyring: { ...privateKeyring, recipients: [] },
      },
      {
        name: "a private key of another",
        privateKeyring: withOpener({ private_key: base64url(stranger.privateKey) }),
      },
      {
        name: "a private key of zero",
        privateKeyring: withOpener({ private_key: base64url(new Uint8Array(32)) }),
      },
      {
        name: "a private key of 31 bytes",
        privateKeyring: withOpener({
          private_key: base64url(recipient.privateKey.subarray(1)),
        }),
      },
      { name: "a public keyring as a private one", privateKeyring: keyring },
    ].map((vector) => ({ ...vector, code: keyInvalid })),
  };
}
