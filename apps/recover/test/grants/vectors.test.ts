/** What docs/recovery-formats.md gives as examples, made by the tool; and the database's part of it. */

import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { AuditRow, Grant } from "@org/db";
import { login } from "@org/schema";
import { describe, expect, test } from "vitest";
import {
  canonicalGrant,
  digestOf,
  emptyChain,
  findChainFault,
  isNamedIn,
  rawPublicKey,
  readPublicKey,
  signCheckpoint,
  type StoredCheckpoint,
} from "@org/recovery";
import { openOffice } from "../office.ts";

const page = new URL("../../../../docs/recovery-formats.md", import.meta.url);

const ids = (count: number): string[] =>
  Array.from(
    { length: count },
    (_, at) => `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`,
  );

test("the digest of a list is the page's, and the database's, in pages as well", async () => {
  const text = await readFile(page, "utf8");
  await using office = await openOffice();
  for (const count of [0, 2, 10_001]) {
    const digest = digestOf(ids(count).toReversed());
    expect(text).toContain(digest);
    const [row] = await office.admin(
      "SELECT encode(recovery.digest_of($1::uuid[]), 'hex') AS digest",
      [ids(count)],
    );
    expect(row).toEqual({ digest });
  }
  expect(digestOf([])).toBe(createHash("sha256").digest("hex"));
});

test("the commitment of a subject is the page's", async () => {
  const text = await readFile(page, "utf8");
  const [, commitment = ""] = /`commitment`: `([0-9a-f]{64})`/.exec(text) ?? [];
  const grant = { selector: { kind: "subject", commitment } } as const;
  const salt = "5a".repeat(32);
  expect(isNamedIn(grant, login, { value: "ada", salt })).toBe(true);
  expect(isNamedIn(grant, login, { value: "bob", salt })).toBe(false);
  expect(isNamedIn(grant, login, { value: "ada", salt: null })).toBe(false);
});

interface Vectors {
  readonly privateKey: string;
  readonly publicKey: string;
  readonly kid: string;
  readonly deployment: string;
  readonly approvals: readonly {
    readonly decision: "approve" | "deny";
    readonly grant: Grant;
    readonly length: number;
    readonly sha256: string;
    readonly signature: string;
  }[];
  readonly rows: readonly (Omit<AuditRow, "hash" | "previousHash"> & { readonly hash: string })[];
  readonly checkpoint: StoredCheckpoint;
}

describe("the page's vectors", async () => {
  const [, block = "{}"] =
    /## Vectors[^]*?```json\n([^]*?)```/.exec(await readFile(page, "utf8")) ?? [];
  const vectors = JSON.parse(block) as Vectors;
  const { deployment, kid } = vectors;
  const key = createPrivateKey({
    key: Buffer.from(`302e020100300506032b657004220420${vectors.privateKey}`, "hex"),
    format: "der",
    type: "pkcs8",
  });

  test("of the key are what a keyring has of it", () => {
    expect(readPublicKey(vectors.publicKey)).toMatchObject({ kid });
    expect(Buffer.from(rawPublicKey(createPublicKey(key))).toString("base64url")).toBe(
      vectors.publicKey,
    );
  });

  test.for(vectors.approvals)("of a decision to $decision are what is signed", (vector) => {
    const bytes = canonicalGrant(vector.grant, { decision: vector.decision, deployment });
    expect(bytes).toHaveLength(vector.length);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(vector.sha256);
    expect(sign(null, bytes, key).toString("hex")).toBe(vector.signature);
  });

  test("of the audit are a chain", () => {
    expect(vectors.rows).toHaveLength(2);
    let position = emptyChain;
    for (const { hash, ...row } of vectors.rows) {
      const previousHash = Buffer.from(position.hash, "hex");
      const whole = { ...row, previousHash, hash: Buffer.from(hash, "hex") };
      expect(findChainFault(position, whole)).toBe(null);
      position = { seq: row.seq, hash };
    }
  });

  test("of a checkpoint are what a witness signs of it", () => {
    const { seq = 0, hash = "" } = vectors.rows.at(-1) ?? {};
    const witness = {
      kid,
      rawPublicKey: rawPublicKey(createPublicKey(key)),
      sign: (bytes: Uint8Array) => sign(null, bytes, key),
    };
    const signing = { deployment, key: witness, atSeconds: 1_795_341_602 };
    expect(signCheckpoint({ seq, hash }, signing)).toEqual(vectors.checkpoint);
  });
});
