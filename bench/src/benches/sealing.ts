/** Sealing a message's originals, in batches of 1,000: ours beside a bare AES-256-GCM encryption of as many bytes. */
import { createCipheriv, createSecretKey, randomBytes, randomUUID, webcrypto } from "node:crypto";
import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
import { createSealer } from "@org/masking/seal";
import { gcm } from "@noble/ciphers/aes.js";
import { contract, type Message, sampledMessages } from "../samples.ts";
import { inProcess, type InProcessBench } from "./in-process.ts";

const batchSize = 1_000;
/** What ours encrypts for a message: its originals, padded. */
const plaintextBytes = 192;

export const sealing: InProcessBench = inProcess({
  name: "sealing",
  title: "Sealing: one message's originals, in batches of 1,000",
  unit: "seals",
  baseline: "create-cipheriv",
  claims: [
    {
      text: "one record costs ≤ 2.5 AES-GCM operations (≥ 0.4 of their rate)",
      of: "ours",
      to: "create-cipheriv",
      atLeast: 0.4,
    },
  ],
  async subjects() {
    const messages = sampledMessages(batchSize).map((message) => ({
      at: { table: contract.table, recordId: randomUUID() },
      fields: originalsOf(message),
    }));
    const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });
    const sealer = createSealer(keyring, { tenant: "bench" });
    const raw = randomBytes(32);
    const key = createSecretKey(raw);
    const plaintext = randomBytes(plaintextBytes);
    const webKey = await webcrypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);

    function encrypt(): Buffer {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    }
    const encryptWeb = async (): Promise<ArrayBuffer> =>
      webcrypto.subtle.encrypt({ name: "AES-GCM", iv: randomBytes(12) }, webKey, plaintext);

    return [
      {
        name: "create-cipheriv",
        label: "createCipheriv, KeyObject, randomBytes(12)",
        times: 100_000,
        work: (times) => repeat(times, encrypt),
      },
      {
        name: "ours",
        label: "ours: a key and a seed for each record, committed and bound to its place",
        times: 50_000,
        work(times) {
          for (let done = 0; done < times; done += batchSize) {
            using batch = sealer.openBatch();
            for (const { at, fields } of messages.slice(0, times - done)) batch.seal(at, fields);
          }
        },
      },
      {
        name: "noble",
        label: "@noble/ciphers",
        times: 20_000,
        work: (times) => repeat(times, () => gcm(raw, randomBytes(12)).encrypt(plaintext)),
      },
      {
        name: "webcrypto",
        label: "WebCrypto, 20 at once",
        times: 20_000,
        async work(times) {
          for (let at = 0; at < times; at += 20)
            await Promise.all(Array.from({ length: 20 }, encryptWeb));
        },
      },
    ];
  },
});

/** What `createToRow` seals of it. */
function originalsOf(message: Message): Record<string, string> {
  return Object.fromEntries(
    contract.fields
      .filter(({ name, isMasked }) => isMasked || name === contract.subject)
      .map(({ name }) => [name, String(message[name as keyof Message])]),
  );
}

function repeat(times: number, work: () => unknown): void {
  for (let at = 0; at < times; at += 1) work();
}
