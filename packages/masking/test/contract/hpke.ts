/** What HPKE promises, over whatever implements it. */

import { Aes256Gcm, CipherSuite as HpkeJs, DhkemP256HkdfSha256, HkdfSha256 } from "@hpke/core";
import * as fc from "fast-check";
import * as panva from "hpke";
import { describe, expect, test } from "vitest";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");

/** 32 bytes, and an uncompressed point of 65. */
export interface PairBytes {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** Base mode with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. */
export interface Hpke {
  /** Without an ephemeral key pair, by one of its own. */
  seal(publicKey: Uint8Array, message: Message, ephemeral?: PairBytes): Promise<SealedMessage>;
  open(
    recipient: PairBytes,
    sealed: SealedMessage,
    bound: Omit<Message, "plaintext">,
  ): Promise<Uint8Array | null>;
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
  seal(publicKey: Uint8Array, message: Message): Promise<SealedMessage>;
  open(privateKey: Uint8Array, sealed: SealedMessage, message: Message): Promise<Uint8Array>;
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

export function describeHpke(name: string, hpke: Hpke): void {
  describe(`HPKE by ${name}`, () => {
    test("meets the vector of its suite, sealing and opening", async () => {
      const message = {
        info: bytes(vector.info),
        aad: bytes(vector.aad),
        plaintext: bytes(vector.pt),
      };
      const ephemeral = { privateKey: bytes(vector.skEm), publicKey: bytes(vector.enc) };
      const { enc, ciphertext } = await hpke.seal(recipient.publicKey, message, ephemeral);
      expect([hex(enc), hex(ciphertext)]).toEqual([vector.enc, vector.ct]);

      const sealed = { enc: bytes(vector.enc), ciphertext: bytes(vector.ct) };
      expect(hex((await hpke.open(recipient, sealed, message)) ?? bytes(""))).toBe(vector.pt);
    });

    describe.each([
      { library: "hpke", peer: hpkePeer() },
      { library: "@hpke/core", peer: hpkeJsPeer() },
    ])("with $library", ({ peer }) => {
      test("it opens what we seal", async () => {
        await fc.assert(
          fc.asyncProperty(messages, async (message) => {
            const sealed = await hpke.seal(recipient.publicKey, message);
            const opened = await peer.open(recipient.privateKey, sealed, message);
            expect(hex(opened)).toBe(hex(message.plaintext));
          }),
          { numRuns: 25 },
        );
      });

      test("we open what it seals", async () => {
        await fc.assert(
          fc.asyncProperty(messages, async (message) => {
            const sealed = await peer.seal(recipient.publicKey, message);
            const opened = await hpke.open(recipient, sealed, message);
            expect(hex(opened ?? bytes(""))).toBe(hex(message.plaintext));
          }),
          { numRuns: 25 },
        );
      });
    });
  });
}
