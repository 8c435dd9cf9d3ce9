// Verifies a dossier by docs/recovery-formats.md alone: node verify-dossier.mjs FILE [KID…]
// KID: the keys that the organization has published, its witnesses' too. Without one, the dossier's own word is taken.

import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const [path, ...published] = process.argv.slice(2);
const text = readFileSync(path, "utf8");
const { signature, ...dossier } = JSON.parse(text);
const lines = [];
const faults = [];
const check = (holds, fault) => holds || faults.push(fault);

const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
const hexOf = (text, encoding) => Buffer.from(text, encoding).toString("hex");
const lengthOf = (part) => {
  const length = Buffer.byteLength(part);
  return Buffer.of(length >>> 24, length >>> 16, length >>> 8, length);
};
const lengthPrefixed = (...parts) =>
  Buffer.concat(parts.flatMap((part) => [lengthOf(part), Buffer.from(part)]));
const sorted = (_, value) =>
  value === null || typeof value !== "object" || Array.isArray(value)
    ? value
    : Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
const canonical = (value) => JSON.stringify(value, sorted);

// Of a member that stands twice this reads the last, and somebody else the first.
const named = [...text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)].filter(([, colon]) => colon);
const membersOf = (value) =>
  value === null || typeof value !== "object"
    ? []
    : [
        ...(Array.isArray(value) ? [] : Object.keys(value)),
        ...Object.values(value).flatMap(membersOf),
      ];
check(named.length === membersOf(JSON.parse(text)).length, "a member stands twice");

// A key is what its kid says: Ed25519, 32 bytes.
const keys = new Map();
for (const { kid, login, public_key } of dossier.keys) {
  const raw = Buffer.from(public_key, "base64url");
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]);
  check(sha256(raw).toString("hex").slice(0, 16) === kid, `key ${kid} is another`);
  keys.set(kid, { login, raw, key: createPublicKey({ key: der, format: "der", type: "spki" }) });
}
const isSigned = (kid, bytes, signed) =>
  keys.has(kid) && verify(null, bytes, keys.get(kid).key, signed);

// The whole is signed.
const whole = lengthPrefixed("mk1/dossier", canonical(dossier));
const isWhole = isSigned(signature.kid, whole, Buffer.from(signature.value, "base64url"));
check(isWhole, "the signature does not hold");
const isPublished = published.length === 0 || published.includes(signature.kid);
check(isPublished, `key ${signature.kid} was not published`);

// Each row of the audit is what was hashed.
const rows = new Map(dossier.audit.map((row) => [row.seq, row]));
for (const row of dossier.audit) {
  const { seq, at_micros, actor, action, grant, claim, detail } = row;
  const terms = [String(seq), at_micros, actor, action, grant ?? "", claim ?? "", detail];
  const before = Buffer.from(row.previous_hash, "hex");
  const hash = sha256(lengthPrefixed("mk1/audit", ...terms, before)).toString("hex");
  check(hash === row.hash, `row ${seq} is not what was hashed`);
}

// Each checkpoint is a witness's signed note, of this deployment and of a row that stands here.
const seenBy = new Map();
for (const checkpoint of dossier.checkpoints) {
  const [note, kid, value] = checkpoint.split(/\n— (\S+) (\S+)\n$/);
  const [origin, seq, root] = note.split("\n");
  const signed = Buffer.from(value, "base64");
  const raw = keys.get(kid)?.raw ?? Buffer.alloc(0);
  const keyHash = sha256(Buffer.concat([Buffer.from(`${kid}\n\u0001`), raw])).subarray(0, 4);
  const isNote =
    origin === `maskline/audit/${dossier.deployment}` &&
    keyHash.equals(signed.subarray(0, 4)) &&
    isSigned(kid, Buffer.from(note), signed.subarray(4)) &&
    hexOf(root, "base64") === rows.get(Number(seq))?.hash;
  check(isNote, `checkpoint ${seq} does not hold`);
  const unknown =
    published.length === 0 || published.includes(kid) ? "" : ", whose key was not published";
  seenBy.set(Number(seq), `${keys.get(kid)?.login}${unknown}`);
}

lines.push(
  `About ${dossier.subject}, by ${dossier.made_by} of ${dossier.deployment}, ${dossier.made_at}`,
);
for (const { id, sent_at, held, original_kept, erased_on } of dossier.records) {
  const kept = original_kept ? "originals sealed" : "no originals";
  lines.push(`  ${id} ${sent_at}: ${held.join(", ")}; ${erased_on ? `erased ${erased_on}` : kept}`);
}

// Each access says what its rows say.
for (const { intent, records, ...access } of dossier.accesses) {
  const row = rows.get(intent);
  const before = dossier.audit.filter(({ grant, seq }) => grant === row?.grant && seq < intent);
  const { capability, fields, through = null } = JSON.parse(row?.detail ?? "{}");
  const { purpose } = JSON.parse(
    before.find(({ action }) => action === "requested")?.detail ?? "{}",
  );
  const approved_by = before
    .filter(({ action }) => action === "approved")
    .map(({ actor }) => actor);
  const at = new Date(Number(row?.at_micros ?? 0) / 1000).toISOString();
  const said = { at, by: row?.actor, through, capability, fields, purpose, approved_by };
  const isSaid = row?.action === "intent" && canonical(said) === canonical(access);
  check(isSaid, `access ${intent} is not what its rows say`);
  const areHeld = records.every((id) => dossier.records.some((record) => record.id === id));
  check(areHeld, `access ${intent} is of records that are not listed`);
  const proof = seenBy.has(intent) ? `seen by ${seenBy.get(intent)}` : "no checkpoint";
  const people = `${said.by}, approved by ${approved_by.join(", ")}; ${proof}`;
  lines.push(`  ${at} ${capability} of ${records.length} record(s) for ${purpose}: ${people}`);
}

lines.push(...faults.map((fault) => `Does not hold: ${fault}.`));
lines.push(
  faults.length === 0 ? `It holds, signed by key ${signature.kid}.` : "Do not rely on it.",
);
// No text of the dossier's ends a line, or turns it around.
const printed = lines.map((line) => `${line.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?")}\n`);
process.stdout.write(printed.join(""));
process.exitCode = faults.length === 0 ? 0 : 1;
