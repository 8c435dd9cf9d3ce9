import { encodeBase64url } from "../../src/format/base64url.ts";
import { hpkeOpen } from "../../src/web/hpke-open.ts";
import { hpkeSeal } from "../../src/web/hpke.ts";
import { diffieHellman, importPoint, p256, type WebKey } from "../../src/web/web-key.ts";
import { describeHpke, type PairBytes } from "../contract/hpke.ts";

async function importPair({ privateKey, publicKey }: PairBytes): Promise<{
  privateKey: WebKey;
  publicKey: WebKey;
}> {
  const jwk = {
    kty: "EC",
    crv: "P-256",
    d: encodeBase64url(privateKey),
    x: encodeBase64url(publicKey.subarray(1, 33)),
    y: encodeBase64url(publicKey.subarray(33)),
  };
  return {
    privateKey: await crypto.subtle.importKey("jwk", jwk, p256, false, ["deriveBits"]),
    publicKey: await importPoint(publicKey),
  };
}

describeHpke("WebCrypto", {
  seal: (publicKey, { plaintext, ...bound }, ephemeral) =>
    hpkeSeal(publicKey, bound, plaintext, ephemeral && importPair(ephemeral)),
  async open(recipient, { enc, ciphertext }, bound) {
    const { privateKey } = await importPair(recipient);
    const dh = await diffieHellman(privateKey, await importPoint(enc));
    return hpkeOpen(dh, { enc, publicKey: recipient.publicKey }, bound, ciphertext);
  },
});
