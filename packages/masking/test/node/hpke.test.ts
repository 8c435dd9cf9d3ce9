import { createCipheriv, createECDH, type ECDH } from "node:crypto";
import { expect, test } from "vitest";
import { concat } from "../../src/format/bytes.ts";
import { hpkeOpen } from "../../src/node/hpke-open.ts";
import { hpkeSeal, keySchedule, sharedSecretOf } from "../../src/node/hpke.ts";
import { describeHpke } from "../contract/hpke.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");

function keyPair(privateKey: string): ECDH {
  const pair = createECDH("prime256v1");
  pair.setPrivateKey(privateKey, "hex");
  return pair;
}

// RFC 9180 appendix A.3.1: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode.
const a31 = {
  info: "4f6465206f6e2061204772656369616e2055726e",
  pkEm: "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4",
  skEm: "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb",
  pkRm: "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0",
  skRm: "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
  sharedSecret: "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8",
  key: "868c066ef58aae6dc589b6cfdd18f97e",
  baseNonce: "4e0bc5018beba4bf004cca59",
  pt: "4265617574792069732074727574682c20747275746820626561757479",
  aad: "436f756e742d30",
  ct: "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434",
} as const;

test("meets RFC 9180 A.3.1, from the key pairs to the ciphertext", () => {
  const sender = keyPair(a31.skEm);
  const receiver = keyPair(a31.skRm);
  expect(sender.getPublicKey("hex")).toBe(a31.pkEm);
  expect(receiver.getPublicKey("hex")).toBe(a31.pkRm);

  const dh = sender.computeSecret(bytes(a31.pkRm));
  expect(hex(receiver.computeSecret(bytes(a31.pkEm)))).toBe(hex(dh));
  const sharedSecret = sharedSecretOf(dh, bytes(a31.pkEm + a31.pkRm));
  expect(hex(sharedSecret)).toBe(a31.sharedSecret);

  const aes128Gcm = { id: 1, keyBytes: 16 };
  const { key, nonce } = keySchedule(sharedSecret, bytes(a31.info), aes128Gcm);
  expect(hex(key.export())).toBe(a31.key);
  expect(hex(nonce)).toBe(a31.baseNonce);

  const cipher = createCipheriv("aes-128-gcm", key, nonce).setAAD(bytes(a31.aad));
  const ciphertext = concat(cipher.update(bytes(a31.pt)), cipher.final(), cipher.getAuthTag());
  expect(hex(ciphertext)).toBe(a31.ct);
});

const own = (data: Uint8Array): Uint8Array => Uint8Array.from(data);

describeHpke("node:crypto", {
  async seal(publicKey, { plaintext, ...bound }, ephemeral) {
    const pair = ephemeral && keyPair(hex(ephemeral.privateKey));
    const { enc, ciphertext } = hpkeSeal(publicKey, bound, plaintext, pair);
    return { enc: own(enc), ciphertext: own(ciphertext) };
  },
  async open({ privateKey, publicKey }, { enc, ciphertext }, bound) {
    const dh = keyPair(hex(privateKey)).computeSecret(enc);
    return hpkeOpen(dh, { enc, publicKey }, bound, ciphertext);
  },
});
