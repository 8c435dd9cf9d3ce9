import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Approval, Grant } from "@org/db";
import { createAuthenticator } from "@org/local";
import { lengthPrefixed } from "@org/masking";
import {
  canonicalGrant,
  challengeOf,
  findForgery,
  findSigner,
  isSigned,
  loadRecoverKeyring,
  type PasskeyJson,
  passkeyEntry,
  passkeySignature,
  readPasskey,
  type RecoverKeyring,
} from "@org/recovery";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

interface Published {
  readonly entry: PasskeyJson;
  readonly deployment: string;
  readonly grant: Grant;
  readonly canonical: string;
  readonly challenge: string;
  readonly approval: Approval;
}

const page = new URL("../../../../docs/passkey-approval.json", import.meta.url);
const published = JSON.parse(await readFile(page, "utf8")) as Published;
const { grant, deployment } = published;
const terms = { decision: "approve", deployment } as const;
const challenge = challengeOf(grant, terms);
const authenticator = createAuthenticator({
  rpId: "example.com",
  origin: "https://console.example.com",
});
const entry = passkeyEntry(authenticator);
const approver = "bob";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "passkey-"));
});

afterEach(() => rm(directory, { recursive: true }));

/** Of bob, whose keys these are. */
async function load(keys: readonly object[], duties = ["approve"]): Promise<RecoverKeyring> {
  const path = join(directory, "keyring.json");
  const operators = [
    { login: approver, duties, keys },
    { login: "eve", duties: ["approve"], keys: [] },
  ];
  const approvals = [{ above: 0, required: 1 }];
  const json = { format: "maskline/recover-keyring", deployment, sinks: [], approvals, operators };
  await writeFile(path, JSON.stringify(json), { mode: 0o600 });
  return loadRecoverKeyring(path);
}

const faults = async (...keys: object[]): Promise<unknown> =>
  load(keys).then(
    () => [],
    (error: { faults: readonly string[] }) => error.faults,
  );

const approvalBy = (signature: Uint8Array, changes: Partial<Approval> = {}): Approval => ({
  approver,
  decision: "approve",
  keyId: entry.kid,
  signature: Buffer.from(signature).toString("hex"),
  ...changes,
});

const asserted = (...given: Parameters<typeof authenticator.assert>): Uint8Array =>
  passkeySignature(authenticator.assert(...given));

test("the published approval holds, and its bytes are the page's", async () => {
  const keyring = await load([published.entry]);
  expect(Buffer.from(canonicalGrant(grant, terms)).toString("hex")).toBe(published.canonical);
  expect(Buffer.from(challenge).toString("hex")).toBe(published.challenge);
  expect(isSigned(grant, published.approval, keyring)).toBe(true);
});

test("an approval by a passkey counts like one by an Ed25519 key", async () => {
  const keyring = await load([entry]);
  const live = { ...grant, state: "live", approvals: [approvalBy(asserted(challenge))] } as const;
  expect(findForgery(live, [], keyring)).toBeNull();
  const retired = await load([{ ...entry, state: "retired" }]);
  expect(findForgery(live, [], retired)).toBe("forged_approval");
});

test("a passkey approves, and has no other duty of its holder's", async () => {
  const all = ["request", "approve", "witness", "administer"] as const;
  const keyring = await load([entry], [...all]);
  const held = all.filter((duty) => findSigner(keyring, entry.kid, duty) !== undefined);
  expect(held).toEqual(["approve"]);
});

describe("an assertion does not hold", () => {
  const { authenticatorData, clientDataJSON, signature } = authenticator.assert(challenge);
  const denial = challengeOf(grant, { decision: "deny", deployment });
  const elsewhere = challengeOf(grant, { decision: "approve", deployment: "other" });
  const long = { clientData: { extra: "x".repeat(1_800) } };
  const other = createAuthenticator(authenticator);
  const r = signature.subarray(4, 4 + (signature[3] ?? 0));
  const s = signature.subarray(4 + r.length);
  const padded = [0x30, signature.length - 1, 0x02, r.length + 1, 0, ...r, ...s];

  test.each<[string, Uint8Array, Partial<Approval>?]>([
    ["on a page of another origin", asserted(challenge, { origin: "https://example.com" })],
    ["on another port", asserted(challenge, { origin: "https://console.example.com:444" })],
    ["for another relying party", asserted(challenge, { rpId: "console.example.com" })],
    ["without a verified user", asserted(challenge, { flags: 0b001 })],
    ["without a present user", asserted(challenge, { flags: 0b100 })],
    ["in another's page", asserted(challenge, { clientData: { crossOrigin: true } })],
    ["under another's page", asserted(challenge, { clientData: { topOrigin: "https://a.test" } })],
    ["that made a credential", asserted(challenge, { clientData: { type: "webauthn.create" } })],
    ["of another decision", asserted(denial)],
    ["of another deployment", asserted(elsewhere)],
    ["for another decision", asserted(challenge), { decision: "deny" }],
    ["by another key", passkeySignature(other.assert(challenge))],
    ["of another's login", asserted(challenge), { approver: "eve" }],
    ["of the requester", asserted(challenge), { approver: grant.requester }],
    ["that is longer than it is stored", asserted(challenge, long)],
    ["of two parts", lengthPrefixed(authenticatorData, clientDataJSON)],
    ["of four parts", lengthPrefixed(authenticatorData, clientDataJSON, signature, "")],
    ["with bytes behind it", Buffer.concat([asserted(challenge), Uint8Array.of(0)])],
    ["cut short", asserted(challenge).subarray(0, -1)],
    [
      "whose DER is another",
      lengthPrefixed(authenticatorData, clientDataJSON, Buffer.from(padded)),
    ],
    ["of nothing", new Uint8Array()],
    ["as long as an Ed25519 signature", new Uint8Array(64)],
  ])("%s", async (_, stored, changes) => {
    expect(isSigned(grant, approvalBy(stored, changes), await load([entry]))).toBe(false);
  });

  test("of a grant with any other term", async () => {
    const keyring = await load([entry]);
    const stored = approvalBy(asserted(challenge));
    expect(isSigned(grant, stored, keyring)).toBe(true);
    for (const changed of [
      { capability: "unmask" },
      { fields: ["ip"] },
      { selector: { kind: "value", tokens: [] } },
      { records: 3 },
      { justification: "Another" },
      { expiresAt: "2027-01-01T00:00:00Z" },
    ] as const) {
      expect(isSigned({ ...grant, ...changed }, stored, keyring)).toBe(false);
    }
  });

  test("with any byte changed", async () => {
    const keyring = await load([entry]);
    const stored = asserted(challenge);
    const held = Array.from(stored, (byte, at) => {
      const changed = Uint8Array.from(stored);
      changed[at] = byte ^ 1;
      return isSigned(grant, approvalBy(changed), keyring);
    });
    expect(held.filter(Boolean)).toEqual([]);
  });
});

describe("an entry is refused", () => {
  const cose = Buffer.from(entry.public_key, "base64url");
  const withKey = (change: (bytes: Buffer) => void): Partial<PasskeyJson> => {
    const bytes = Buffer.from(cose);
    change(bytes);
    return { public_key: bytes.toString("base64url") };
  };
  test.each<[string, Partial<PasskeyJson>, string]>([
    ["of another curve or algorithm", withKey((bytes) => bytes.writeUInt8(0x27, 4)), "public_key"],
    ["of no point", withKey((bytes) => bytes.fill(1, 10, 42)), "public_key"],
    ["with a key cut short", { public_key: entry.public_key.slice(0, -4) }, "public_key"],
    ["with a key in other text", { public_key: `${entry.public_key}=` }, "public_key"],
    ["of an origin with a path", { origin: "https://console.example.com/" }, "origin"],
    ["of an origin over http", { origin: "http://console.example.com" }, "origin"],
    ["of another's domain", { rp_id: "example.org" }, "rp_id"],
    ["of part of a name", { rp_id: "ample.com" }, "rp_id"],
    ["without a credential", { credential_id: "=" }, "credential_id"],
  ])("%s", (_, changes, member) => {
    expect(readPasskey({ ...entry, ...changes })).toEqual([expect.stringMatching(`^${member}: `)]);
  });

  test("under another kid, or twice, or with members of its own", async () => {
    const kid = "0123456789abcdef";
    expect(await faults({ ...entry, kid })).toEqual([
      "operators[0].keys[0].kid: is not that of its public_key.",
    ]);
    expect(await faults(entry, entry)).toEqual([
      "operators[0].keys[1].kid: stands in the keyring twice.",
    ]);
    expect(await faults({ ...entry, name: "bob's phone" })).toHaveLength(1);
  });
});
