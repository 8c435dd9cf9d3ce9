/** Records of fields and of bytes under one batch key. */

import { batchKeyIdBytes } from "../../src/format/batch-key.ts";
import { concat, lengthPrefixed, utf8 } from "../../src/format/bytes.ts";
import { type Content, encodeContent } from "../../src/format/content.ts";
import { associatedData, encodePlace, recordHeader, recordInfo } from "../../src/format/record.ts";
import type { Seed } from "../../src/format/vault.ts";
import { openHmac } from "../../src/node/hmac.ts";
import { type Batch, deriveRecordKey } from "../../src/node/record-key.ts";
import { sealPlaintext } from "../../src/node/seal-plaintext.ts";
import { batchKey, sealedBatchKey } from "./batch-keys.ts";
import {
  batchKeyId,
  fixedBytes,
  flipped,
  hex,
  inputInvalid,
  place,
  privateKeyring,
  tenant,
  unsealFailed,
} from "./fixtures.ts";

const batch: Batch = {
  tenant: utf8(tenant),
  batchKeyId: batchKeyIdBytes(batchKeyId),
  hmac: openHmac("sha512", batchKey),
};

const seedNamed = (name: string): Seed => fixedBytes(`seed ${name}`, 32) as Seed;

function recordVector(name: string, content: Content): object {
  const seed = seedNamed(name);
  const plaintext = encodeContent(content);
  const encoded = encodePlace(place);
  const { key, commitment } = deriveRecordKey(batch, encoded, seed);
  const header = recordHeader(commitment, batch.batchKeyId);
  return {
    name,
    ...place,
    ...(content.kind === "fields" ? { fields: content.fields } : { bytes: hex(content.bytes) }),
    seed: hex(seed),
    plaintext: hex(plaintext),
    info: hex(recordInfo(batch, encoded, seed)),
    key: hex(key.export()),
    commitment: hex(commitment),
    associatedData: hex(associatedData(header, batch, encoded)),
    sealed: hex(sealPlaintext(batch, place, plaintext, seed)),
  };
}

const padded = (...bytes: readonly Uint8Array[]): Uint8Array =>
  concat(...bytes, Uint8Array.of(0x80), new Uint8Array(164));

export function recordVectors(): unknown {
  const login: Content = {
    kind: "fields",
    fields: {
      user_id: "424cdd21-063a-43a7-b91b-7ca1a833afae",
      ip: "192.0.2.1",
      device_id: "593-47-5928",
    },
  };
  const seed = seedNamed("login");
  const sealed = sealPlaintext(batch, place, encodeContent(login), seed);
  const base = {
    tenant,
    ...place,
    opens: "fields",
    seed: hex(seed),
    sealed: hex(sealed),
    code: unsealFailed,
  };

  const changed = (name: string, bytes: Uint8Array): object => ({
    name,
    ...base,
    sealed: hex(bytes),
  });
  const flippedAt = (name: string, at: number): object => changed(name, flipped(sealed, at));
  const malformed = (name: string, plaintext: Uint8Array): object =>
    changed(`authentic, but ${name}`, sealPlaintext(batch, place, plaintext, seed));
  const fieldsKind = Uint8Array.of(1);

  return {
    privateKeyring,
    batch: {
      tenant,
      id: batchKeyId,
      recipient: "r1",
      sealed: hex(sealedBatchKey),
      batchKey: hex(batchKey),
    },
    records: [
      recordVector("login", login),
      recordVector("no field", { kind: "fields", fields: {} }),
      recordVector("a value of Unicode", {
        kind: "fields",
        fields: { name: "\ufeffÜnïcödé 🔑\0" },
      }),
      recordVector("190 bytes, the most that 192 hold", {
        kind: "bytes",
        bytes: new Uint8Array(190).fill(0x80),
      }),
      recordVector("191 bytes, the least that 256 hold", {
        kind: "bytes",
        bytes: new Uint8Array(191),
      }),
      recordVector("no byte", { kind: "bytes", bytes: new Uint8Array(0) }),
      recordVector("a message body", { kind: "bytes", bytes: utf8('{"foo":"bar"}') }),
    ],
    refused: [
      flippedAt("an unknown version", 0),
      flippedAt("an unknown suite", 1),
      flippedAt("another batch key id in the header", 17),
      flippedAt("commitment with one bit changed", 18),
      flippedAt("ciphertext with one bit changed", 50),
      flippedAt("tag with one bit changed", sealed.length - 1),
      changed("a tag cut to 4 bytes", sealed.subarray(0, -12)),
      changed("a byte too many", concat(sealed, Uint8Array.of(0))),
      changed("the header alone", sealed.subarray(0, 50)),
      changed("nothing", new Uint8Array(0)),
      {
        name: "the row of another record",
        ...base,
        recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5e",
      },
      { name: "another table", ...base, table: "quarantine" },
      { name: "another tenant", ...base, tenant: "other" },
      { name: "the seed of another record", ...base, seed: hex(seedNamed("no field")) },
      { name: "seed with one bit changed", ...base, seed: hex(flipped(seed, 31)) },
      { name: "a seed cut short", ...base, seed: hex(seed.subarray(1)) },
      { name: "a record of fields opened as bytes", ...base, opens: "bytes" },
      malformed("without padding", concat(fieldsKind, lengthPrefixed("ip", "192.0.2.1"))),
      malformed("all zeros", new Uint8Array(192)),
      malformed("of an unknown kind", padded(Uint8Array.of(3))),
      malformed("a name without a value", padded(fieldsKind, lengthPrefixed("ip"))),
      malformed("with one field twice", padded(fieldsKind, lengthPrefixed("ip", "a", "ip", "b"))),
      malformed("with a length beyond the end", padded(fieldsKind, Uint8Array.of(0, 0, 0, 9, 65))),
      malformed("not UTF-8", padded(fieldsKind, lengthPrefixed("ip", Uint8Array.of(0xff)))),
      {
        name: "an upper-case record id",
        ...base,
        recordId: place.recordId.toUpperCase(),
        code: inputInvalid,
      },
      { name: "a table that is no label", ...base, table: "user logins", code: inputInvalid },
    ],
  };
}
