import { createCipheriv, createECDH, type ECDH } from "node:crypto";
import { Aes256Gcm, CipherSuite as HpkeJs, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";
import * as fc from "fast-check";
import * as panva from "hpke";
import { describe, expect, test } from "vitest";
import { concat } from "../../src/format/bytes.ts";
import { hpkeOpen } from "../../src/node/hpke-open.ts";
import { hpkeSeal, keySchedule, sharedSecretOf } from "../../src/node/hpke.ts";

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

/** What the recipient of {@link vector} opens. */
function open({ enc, ciphertext }: SealedMessage, { info, aad }: Message): Uint8Array | null {
  const dh = keyPair(vector.skRm).computeSecret(enc);
  return hpkeOpen(dh, { enc, publicKey: recipient.publicKey }, { info, aad }, ciphertext);
}

function seal({ info, aad, plaintext }: Message, ephemeral?: ECDH): SealedMessage {
  const { enc, ciphertext } = hpkeSeal(recipient.publicKey, { info, aad }, plaintext, ephemeral);
  return { enc: Uint8Array.from(enc), ciphertext: Uint8Array.from(ciphertext) };
}

interface Message {
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
  readonly plaintext: Uint8Array;
}

interface SealedMessage {
  readonly enc: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** A library of other authors. */
interface Peer {
  readonly seal: (publicKey: Uint8Array, message: Message) => Promise<SealedMessage>;
  readonly open: (
    privateKey: Uint8Array,
    sealed: SealedMessage,
    message: Message,
  ) => Promise<Uint8Array>;
}

const hpkePeer = (): Peer => {
  const suite = new panva.CipherSuite(
    panva.KEM_DHKEM_P256_HKDF_SHA256,
    panva.KDF_HKDF_SHA256,
    panva.AEAD_AES_256_GCM,
  );
  return {
    async seal(publicKey, { info, aad, plaintext }) {
      const key = await suite.DeserializePublicKey(publicKey);
      const sealed = await suite.Seal(key, plaintext, { info, aad });
      return { enc: sealed.encapsulatedSecret, ciphertext: sealed.ciphertext };
    },
    async open(privateKey, { enc, ciphertext }, { info, aad }) {
      const key = await suite.DeserializePrivateKey(privateKey, true);
      return suite.Open(key, enc, ciphertext, { info, aad });
    },
  };
};

const hpkeJsPeer = (): Peer => {
  const suite = new HpkeJs({
    kem: new DhkemP256HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  });
  return {
    async seal(publicKey, { info, aad, plaintext }) {
      const recipientPublicKey = await suite.kem.deserializePublicKey(publicKey);
      const sender = await suite.createSenderContext({ recipientPublicKey, info });
      const ciphertext = new Uint8Array(await sender.seal(plaintext, aad));
      return { enc: new Uint8Array(sender.enc), ciphertext };
    },
    async open(privateKey, { enc, ciphertext }, { info, aad }) {
      const recipientKey = await suite.kem.deserializePrivateKey(privateKey);
      const recipient = await suite.createRecipientContext({ recipientKey, enc, info });
      return new Uint8Array(await recipient.open(ciphertext, aad));
    },
  };
};

/**
 * From test-vectors.json of the CFRG, which RFC 9180 appendix A is an excerpt of: mode 0, KEM 16,
 * KDF 1, AEAD 2, the first message. The appendix has no vector of this suite.
 */
const vector = {
  info: "4f6465206f6e2061204772656369616e2055726e",
  skRm: "317f915db7bc629c48fe765587897e01e282d3e8445f79f27f65d031a88082b2",
  skEm: "90345e3a1d116c1dd39ae76d95ab858c142223a63e44f8f85318cfa91a84858e",
  pkRm: "04abc7e49a4c6b3566d77d0304addc6ed0e98512ffccf505e6a8e3eb25c685136f853148544876de76c0f2ef99cdc3a05ccf5ded7860c7c021238f9e2073d2356c",
  enc: "04c06b4f6bebc7bb495cb797ab753f911aff80aefb86fd8b6fcc35525f3ab5f03e0b21bd31a86c6048af3cb2d98e0d3bf01da5cc4c39ff5370d331a4f1f7d5a4e0",
  aad: "436f756e742d30",
  pt: "4265617574792069732074727574682c20747275746820626561757479",
  ct: "58c61a45059d0c5704560e9d88b564a8b63f1364b8d1fcb3c4c6ddc1d291742465e902cd216f8908da49f8f96f",
} as const;

const recipient = { privateKey: bytes(vector.skRm), publicKey: bytes(vector.pkRm) };

const messages = fc.record({
  info: fc.uint8Array({ minLength: 1 }),
  aad: fc.uint8Array(),
  plaintext: fc.uint8Array({ minLength: 1 }),
});

test("meets the vector of its suite, sealing and opening", () => {
  const message = { info: bytes(vector.info), aad: bytes(vector.aad), plaintext: bytes(vector.pt) };
  const { enc, ciphertext } = seal(message, keyPair(vector.skEm));
  expect([hex(enc), hex(ciphertext)]).toEqual([vector.enc, vector.ct]);

  const sealed = { enc: bytes(vector.enc), ciphertext: bytes(vector.ct) };
  expect(hex(open(sealed, message) ?? bytes(""))).toBe(vector.pt);
});

describe.each([
  { library: "hpke", peer: hpkePeer() },
  { library: "@hpke/core", peer: hpkeJsPeer() },
])("with $library", ({ peer }) => {
  test("it opens what we seal", async () => {
    await fc.assert(
      fc.asyncProperty(messages, async (message) => {
        const opened = await peer.open(recipient.privateKey, seal(message), message);
        expect(hex(opened)).toBe(hex(message.plaintext));
      }),
      { numRuns: 25 },
    );
  });

  test("we open what it seals", async () => {
    await fc.assert(
      fc.asyncProperty(messages, async (message) => {
        const sealed = await peer.seal(recipient.publicKey, message);
        expect(hex(open(sealed, message) ?? bytes(""))).toBe(hex(message.plaintext));
      }),
      { numRuns: 25 },
    );
  });
});
