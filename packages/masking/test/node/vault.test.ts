import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { MaskingError, type RecordPlace, type SealedKey } from "../../src/index.ts";
import { generateKeyring, resolveKeyring } from "../../src/keyring.ts";
import { type BatchSealer, createSealer, openSealer } from "../../src/seal.ts";
import { batchKeyIdOf, createUnsealer, type BatchOpener } from "../../src/unseal.ts";
import { unicode } from "../unicode.ts";
import { keysInStates, kidOf, newKeys, noSources } from "../keys.ts";

const tenant = "acme";
const { keyring, privateKeyring } = await newKeys();
const unsealer = createUnsealer(privateKeyring, { tenant });
const sealer = createSealer(keyring, { tenant });
const batch = sealer.openBatch();
const opener = await openerOf(batch);

function sealedKeyOf({ id, sealedKeys }: BatchSealer): SealedKey & { id: string } {
  const [first] = sealedKeys;
  if (!first) throw new Error("sealed to nobody");
  return { id, ...first };
}

async function openerOf(sealed: BatchSealer): Promise<BatchOpener> {
  const { id, recipient, sealed: key } = sealedKeyOf(sealed);
  return unsealer.openBatchKey(id, recipient, key);
}

const unsealFailed = expect.objectContaining({ code: "ERR_MASKING_UNSEAL_FAILED" });
const keyUnknown = expect.objectContaining({ code: "ERR_MASKING_KEY_UNKNOWN" });
const inputInvalid = expect.objectContaining({ code: "ERR_MASKING_INPUT_INVALID" });

const label = fc.stringMatching(/^[!-~]{1,128}$/);
const place: fc.Arbitrary<RecordPlace> = fc.record({ table: label, recordId: fc.uuid() });
const fields = fc.dictionary(label, unicode(), { noNullPrototype: true });
const at: RecordPlace = { table: "user_logins", recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d" };

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The bytes with one bit changed. */
const withFlip = (bytes: Uint8Array, bit: number): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  const index = Math.floor(bit / 8) % copy.length;
  copy[index] = (copy[index] ?? 0) ^ (1 << (bit % 8));
  return copy;
};

describe("a sealed record", () => {
  test("opens to the fields it was sealed from", () => {
    fc.assert(
      fc.property(place, fields, (where, original) => {
        const { sealed, seed } = batch.seal(where, original);
        expect(opener.unseal(where, sealed, seed)).toEqual(original);
      }),
    );
  });

  test("opens to the bytes it was sealed from", () => {
    fc.assert(
      fc.property(place, fc.uint8Array({ maxLength: 5000 }), (where, original) => {
        const { sealed, seed } = batch.sealBytes(where, original);
        expect(Buffer.compare(opener.unsealBytes(where, sealed, seed), original)).toBe(0);
      }),
    );
  });

  test("may hold bytes of another realm", () => {
    const foreign = runInNewContext("Uint8Array.of(1, 2)") as Uint8Array;
    const { sealed, seed } = batch.sealBytes(at, foreign);
    expect(Array.from(opener.unsealBytes(at, sealed, seed))).toEqual([1, 2]);
  });

  test("may have a field of any name", () => {
    const original = JSON.parse('{"__proto__":"a","constructor":"b","1":"c"}') as Record<
      string,
      string
    >;
    const { sealed, seed } = batch.seal(at, original);
    const opened = opener.unseal(at, sealed, seed);
    expect(Object.entries(opened)).toEqual(Object.entries(original));
    expect(Object.getPrototypeOf(opened)).toBe(Object.prototype);
  });

  test("is refused when any single bit of it or of its seed is changed", () => {
    const { sealed, seed } = batch.seal(at, { ip: "192.0.2.1", account: "593-47-5928" });
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      expect(() => opener.unseal(at, withFlip(sealed, bit), seed)).toThrow(unsealFailed);
    }
    for (let bit = 0; bit < seed.length * 8; bit += 1) {
      expect(() => opener.unseal(at, sealed, withFlip(seed, bit))).toThrow(unsealFailed);
    }
  });

  test("is refused when it is cut or extended", () => {
    const { sealed, seed } = batch.seal(at, { ip: "192.0.2.1" });
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => opener.unseal(at, sealed.subarray(0, length), seed)).toThrow(unsealFailed);
    }
    const extended = Buffer.concat([sealed, Buffer.alloc(1)]);
    expect(() => opener.unseal(at, extended, seed)).toThrow(unsealFailed);
  });

  test("is refused as any other row or table", () => {
    fc.assert(
      fc.property(place, place, (where, elsewhere) => {
        fc.pre(where.table !== elsewhere.table && where.recordId !== elsewhere.recordId);
        const { sealed, seed } = batch.seal(where, { ip: "192.0.2.1" });
        const { table, recordId } = elsewhere;
        for (const wrong of [{ ...where, table }, { ...where, recordId }, elsewhere]) {
          expect(() => opener.unseal(wrong, sealed, seed)).toThrow(unsealFailed);
        }
      }),
    );
  });

  test("is refused under another batch key, also of the same recipient", async () => {
    const { sealed, seed } = batch.seal(at, { ip: "192.0.2.1" });
    const other = await openerOf(sealer.openBatch());
    expect(() => other.unseal(at, sealed, seed)).toThrow(unsealFailed);
  });

  test("of fields is not a record of bytes, nor the other way", () => {
    const ofFields = batch.seal(at, { ip: "192.0.2.1" });
    const ofBytes = batch.sealBytes(at, Uint8Array.of(1));
    expect(() => opener.unsealBytes(at, ofFields.sealed, ofFields.seed)).toThrow(unsealFailed);
    expect(() => opener.unseal(at, ofBytes.sealed, ofBytes.seed)).toThrow(unsealFailed);
  });

  test("names the batch key it was sealed under", () => {
    const { sealed } = batch.seal(at, {});
    expect(batchKeyIdOf(sealed)).toBe(batch.id);
    expect(() => batchKeyIdOf(Uint8Array.of(9))).toThrow(unsealFailed);
  });

  test("never repeats a seed or its bytes, even for the same record", () => {
    const sealedOnes = Array.from({ length: 600 }, () => batch.seal(at, { ip: "192.0.2.1" }));
    expect(new Set(sealedOnes.map(({ seed }) => hex(seed))).size).toBe(600);
    expect(new Set(sealedOnes.map(({ sealed }) => hex(sealed))).size).toBe(600);
    expect(sealedOnes.every(({ seed }) => seed.some((byte) => byte !== 0))).toBe(true);
  });

  test("is as long for an IPv6 login as for an IPv4 one", () => {
    const lengthOf = (ip: string, account: string): number =>
      batch.seal(at, { ip, account }).sealed.length;
    const longest = lengthOf("2001:0db8:1111:2222:3333:4444:5555:6666", batch.id);
    expect(lengthOf("1.1.1.1", "1")).toBe(longest);
  });

  test("does not hold what it was sealed from", () => {
    const { sealed, seed } = batch.seal(at, { ip: "sentinel-value" });
    expect(Buffer.concat([sealed, seed]).includes("sentinel-value")).toBe(false);
  });
});

describe("sealing refuses", () => {
  test.each([
    ["an upper-case record id", { ...at, recordId: at.recordId.toUpperCase() }, {}],
    ["a record id that is no UUID", { ...at, recordId: "1" }, {}],
    ["a table that is no label", { ...at, table: "user logins" }, {}],
    ["a field that is no label", at, { "": "x" }],
    ["a lone surrogate", at, { ip: "\ud800" }],
  ])("%s", (_, where, content) => {
    expect(() => batch.seal(where, content)).toThrow(inputInvalid);
  });

  test.each(["", 42])("the tenant %j, which is no label", (wrong) => {
    const options = { tenant: wrong as string };
    expect(() => createSealer(keyring, options)).toThrow(inputInvalid);
    expect(() => createUnsealer(privateKeyring, options)).toThrow(inputInvalid);
  });

  test("a field whose value is no text", () => {
    expect(() => batch.seal(at, { ip: 42 as unknown as string })).toThrow(inputInvalid);
  });

  test.each([
    ["an ArrayBuffer", new ArrayBuffer(4)],
    ["a DataView", new DataView(new ArrayBuffer(4))],
    ["wider numbers", Uint16Array.of(256)],
    ["a text", "192.0.2.1"],
    ["a list of numbers", [1, 2]],
    ["nothing", undefined],
  ])("%s as bytes, and seals as before", (_, wrong) => {
    expect(() => batch.sealBytes(at, wrong as unknown as Uint8Array)).toThrow(inputInvalid);
    const { sealed, seed } = batch.seal(at, { ip: "192.0.2.1" });
    expect(opener.unseal(at, sealed, seed)).toEqual({ ip: "192.0.2.1" });
  });

  test("once the batch is wiped", async () => {
    const wiped = sealer.openBatch();
    const { sealed, seed } = wiped.seal(at, { ip: "192.0.2.1" });
    const wipedOpener = await openerOf(wiped);
    wiped.wipe();
    wipedOpener.wipe();
    expect(() => wiped.seal(at, {})).toThrow(keyUnknown);
    expect(() => wipedOpener.unseal(at, sealed, seed)).toThrow(keyUnknown);
    expect((await openerOf(wiped)).unseal(at, sealed, seed)).toEqual({ ip: "192.0.2.1" });
  });

  test("once the block that used it is left", () => {
    const kept: (typeof batch)[] = [];
    {
      using scoped = sealer.openBatch();
      scoped.seal(at, {});
      kept.push(scoped);
    }
    for (const scoped of kept) expect(() => scoped.seal(at, {})).toThrow(keyUnknown);
  });
});

describe("a batch key", () => {
  test("is refused when any single bit of it is changed", async () => {
    const { sealed } = sealedKeyOf(batch);
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      await expect(unsealer.openBatchKey(batch.id, "r1", withFlip(sealed, bit))).rejects.toEqual(
        unsealFailed,
      );
    }
  });

  test("is refused for another tenant, another id and another recipient's key", async () => {
    const { sealed } = sealedKeyOf(batch);
    const otherTenant = createUnsealer(privateKeyring, { tenant: "other" });
    await expect(otherTenant.openBatchKey(batch.id, "r1", sealed)).rejects.toEqual(unsealFailed);
    const otherId = sealer.openBatch().id;
    await expect(unsealer.openBatchKey(otherId, "r1", sealed)).rejects.toEqual(unsealFailed);
    const stranger = createUnsealer((await newKeys()).privateKeyring, { tenant });
    await expect(stranger.openBatchKey(batch.id, "r1", sealed)).rejects.toEqual(unsealFailed);
  });

  test("is sealed to each recipient by one public-key operation a batch, however many records", async () => {
    const other = generateKeyring({ recipientKid: "r2" }).keyring;
    const { recipients } = await resolveKeyring(other, noSources);
    const both = { recipients: [...keyring.recipients, ...recipients] };
    const keyPairs = vi.spyOn(crypto, "createECDH");
    const products = vi.spyOn(crypto.ECDH.prototype, "computeSecret");
    syncBuiltinESMExports();
    try {
      const counted = createSealer(both, { tenant }).openBatch();
      for (let record = 0; record < 1000; record += 1) counted.seal(at, { ip: "192.0.2.1" });
      expect(counted.sealedKeys.map(({ recipient }) => recipient)).toEqual(["r1", "r2"]);
      expect(keyPairs).toHaveBeenCalledTimes(2);
      expect(products).toHaveBeenCalledTimes(2);
    } finally {
      vi.restoreAllMocks();
      syncBuiltinESMExports();
    }
  });

  test("opens for each of several recipients", async () => {
    const first = await keysInStates({});
    const second = await newKeys();
    const both = createSealer(
      { recipients: [...first.keyring.recipients, ...second.keyring.recipients] },
      { tenant },
    ).openBatch();
    const { sealed, seed } = both.seal(at, { ip: "192.0.2.1" });
    expect(both.sealedKeys.map(({ recipient }) => recipient)).toEqual(["primary", "r1"]);
    for (const [index, keys] of [first, second].entries()) {
      const key = both.sealedKeys[index];
      if (!key) throw new Error("not sealed");
      const one = createUnsealer(keys.privateKeyring, { tenant });
      const opened = await one.openBatchKey(both.id, key.recipient, key.sealed);
      expect(opened.unseal(at, sealed, seed)).toEqual({ ip: "192.0.2.1" });
    }
  });

  test("a failing key service is not taken for a failed unsealing", async () => {
    const outage = new Error("throttled");
    const [recipient] = privateKeyring.recipients;
    if (recipient?.state !== "primary") throw new Error("no recipient");
    const remote = { ...recipient, deriveSharedSecret: () => Promise.reject(outage) };
    const remoteUnsealer = createUnsealer({ recipients: [remote] }, { tenant });
    const { sealed } = sealedKeyOf(batch);
    await expect(remoteUnsealer.openBatchKey(batch.id, "r1", sealed)).rejects.toBe(outage);
  });
});

describe("a recipient's state", () => {
  const states = ["pending", "primary", "decrypt_only", "disabled"] as const;

  test("new batch keys are sealed to primary recipients alone", async () => {
    const keys = await keysInStates({ recipients: states });
    const { sealedKeys } = createSealer(keys.keyring, { tenant }).openBatch();
    expect(sealedKeys.map(({ recipient }) => recipient)).toEqual(["primary"]);
  });

  /** With the vault set to each of off, on, and nothing. */
  test.each([
    ["primary", ["nothing kept", "kept", "kept"]],
    ["pending", ["nothing kept", "refused", "refused"]],
    ["decrypt_only", ["nothing kept", "refused", "refused"]],
    ["disabled", ["nothing kept", "refused", "nothing kept"]],
  ] as const)("%s: originals are %s", async (state, expected) => {
    const keys = await keysInStates({ recipients: [state] });
    const outcomes = (["off", "on", null] as const).map((vault) => {
      try {
        return openSealer(keys.keyring, { tenant, vault }) === null ? "nothing kept" : "kept";
      } catch (error) {
        return error instanceof MaskingError ? "refused" : "failed";
      }
    });
    expect(outcomes).toEqual(expected);
  });

  test("without a primary recipient nothing is sealed", async () => {
    const keys = await keysInStates({ recipients: ["pending", "decrypt_only", "disabled"] });
    expect(() => createSealer(keys.keyring, { tenant })).toThrow(keyUnknown);
  });

  /** A batch sealed while its recipient was primary, and that recipient's private key in `state`. */
  async function openInState(state: (typeof states)[number]): Promise<BatchOpener> {
    const keys = await keysInStates({ recipients: ["primary"] });
    const [recipient] = keys.privateKeyring.recipients;
    if (!recipient || recipient.state === "disabled") throw new Error("no recipient");
    const { kid } = recipient;
    const inState = state === "disabled" ? { kid, state } : { ...recipient, state };
    const sealed = createSealer(keys.keyring, { tenant }).openBatch();
    const inStateUnsealer = createUnsealer({ recipients: [inState] }, { tenant });
    return inStateUnsealer.openBatchKey(sealed.id, kid, sealedKeyOf(sealed).sealed);
  }

  test.each(["pending", "primary", "decrypt_only"] as const)("%s opens", async (state) => {
    await expect(openInState(state)).resolves.toBeDefined();
  });

  test("disabled does not open", async () => {
    await expect(openInState("disabled")).rejects.toEqual(keyUnknown);
  });

  test.each(["pending", "primary"])("%s takes a rewrapped batch key", async (state) => {
    const to = await keysInStates({ recipients: states });
    const { sealed, seed } = batch.seal(at, { ip: "192.0.2.1" });
    const rewrapped = await unsealer.rewrap(sealedKeyOf(batch), {
      keyring: to.keyring,
      recipient: kidOf(state),
    });
    expect(rewrapped.recipient).toBe(kidOf(state));

    const opened = await createUnsealer(to.privateKeyring, { tenant }).openBatchKey(
      batch.id,
      rewrapped.recipient,
      rewrapped.sealed,
    );
    expect(opened.unseal(at, sealed, seed)).toEqual({ ip: "192.0.2.1" });
  });

  test.each(["decrypt_only", "disabled"])("%s takes no rewrapped batch key", async (state) => {
    const { keyring: to } = await keysInStates({ recipients: states });
    await expect(
      unsealer.rewrap(sealedKeyOf(batch), { keyring: to, recipient: kidOf(state) }),
    ).rejects.toEqual(keyUnknown);
  });

  test("a kid that the keyring does not know is refused", async () => {
    const key = sealedKeyOf(batch);
    await expect(unsealer.openBatchKey(batch.id, "r9", key.sealed)).rejects.toEqual(keyUnknown);
    await expect(unsealer.rewrap(key, { keyring, recipient: "r9" })).rejects.toEqual(keyUnknown);
  });
});
