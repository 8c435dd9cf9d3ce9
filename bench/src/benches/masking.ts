/** Tokens: ours beside the ways to compute an HMAC in Node. */
import { createHmac, createSecretKey, randomBytes, webcrypto } from "node:crypto";
import { createTokenizer } from "@org/masking";
import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { contract, sampledMessages } from "../samples.ts";
import { inProcess, type InProcessBench } from "./in-process.ts";

export const masking: InProcessBench = inProcess({
  name: "masking",
  title: "Masking: one IP address to one token",
  unit: "tokens",
  baseline: "create-hmac",
  claims: [],
  async subjects() {
    const addresses = sampledMessages(1_000).map(({ ip }) => ip);
    const each = (times: number, use: (address: string) => void): void => {
      for (let at = 0; at < times; at += 1) use(addresses[at % addresses.length] ?? "");
    };
    const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });
    const tokenizer = createTokenizer(keyring, { tenant: "bench", fields: contract.tokenFields });
    const raw = randomBytes(32);
    const key = createSecretKey(raw);
    const webKey = await webcrypto.subtle.importKey(
      "raw",
      raw,
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign"],
    );
    const sign = async (address: string): Promise<string> =>
      Buffer.from(await webcrypto.subtle.sign("HMAC", webKey, Buffer.from(address))).toString(
        "hex",
      );

    return [
      {
        name: "create-hmac",
        label: "createHmac, KeyObject, hex of the text",
        times: 400_000,
        work: (times) =>
          each(times, (address) => void createHmac("sha256", key).update(address).digest("hex")),
      },
      {
        name: "ours",
        label: "ours: normalised, domain-separated, key id",
        times: 400_000,
        work: (times) => each(times, (address) => void tokenizer.tokenize("ip", address)),
      },
      {
        name: "noble",
        label: "@noble/hashes",
        times: 100_000,
        work: (times) =>
          each(times, (address) => void bytesToHex(hmac(sha256, raw, utf8ToBytes(address)))),
      },
      {
        name: "webcrypto",
        label: "WebCrypto, 20 at once",
        times: 40_000,
        async work(times) {
          for (let at = 0; at < times; at += 20)
            await Promise.all(addresses.slice(0, 20).map(sign));
        },
      },
    ];
  },
});
