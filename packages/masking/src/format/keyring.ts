/** Keyrings as JSON: their shape, read with every fault listed at once. */

import {
  type RecipientState,
  recipientStates,
  type TokenKeyState,
  tokenKeyStates,
} from "./keys.ts";
import { isKid } from "./labels.ts";

/** A token key in a keyring file. */
export interface TokenKeyJson {
  readonly kid: string;
  readonly state: TokenKeyState;
  /** 32 to 64 random bytes as base64url, or a reference: `env:NAME`, `file:PATH`, `aws-kms:ARN`. */
  readonly key: string;
  /** With `aws-kms:ARN`: the key's ciphertext under that KMS key, as base64url. */
  readonly wrapped_key?: string;
}

/** A recipient in a keyring file. */
export interface RecipientJson {
  readonly kid: string;
  readonly state: RecipientState;
  /** The P-256 public key, 65 bytes uncompressed, as base64url; or `env:NAME`, `file:PATH`. */
  readonly public_key: string;
}

/** A recipient in a private keyring file. */
export interface PrivateRecipientJson extends RecipientJson {
  /** The P-256 private key, 32 bytes, as base64url; or `env:NAME`, `file:PATH`, `aws-kms:ARN`. */
  readonly private_key: string;
}

/** A keyring file: the keys of a service that masks and seals. */
export interface KeyringJson {
  readonly format: "mk1/keyring";
  readonly token_keys: readonly TokenKeyJson[];
  readonly recipients: readonly RecipientJson[];
}

/** A private keyring file: the keys of whoever may open the vault. */
export interface PrivateKeyringJson {
  readonly format: "mk1/private-keyring";
  readonly recipients: readonly PrivateRecipientJson[];
}

/** An entry, and where it stands in the file. */
export type Placed<Entry> = Entry & { readonly place: string };

/** Everything wrong with a keyring, as sentences that hold positions and kids but no value. */
export type Faults = string[];

export function readKeyringJson(
  json: unknown,
  faults: Faults,
): { tokenKeys: Placed<TokenKeyJson>[]; recipients: Placed<RecipientJson>[] } {
  const file = readFile(json, "mk1/keyring", ["token_keys", "recipients"], faults);
  const tokenKeys = readList<TokenKeyJson>(file, "token_keys", faults, {
    states: tokenKeyStates,
    required: ["key"],
    optional: ["wrapped_key"],
  });
  const recipients = readList<RecipientJson>(file, "recipients", faults, {
    states: recipientStates,
    required: ["public_key"],
  });
  const primaries = listOf(file, "token_keys").filter(
    (entry) => isObject(entry) && entry["state"] === "primary",
  ).length;
  if (primaries !== 1) {
    faults.push(`token_keys must have exactly one primary key; ${primaries} are primary.`);
  }
  return { tokenKeys, recipients };
}

export function readPrivateKeyringJson(
  json: unknown,
  faults: Faults,
): Placed<PrivateRecipientJson>[] {
  const file = readFile(json, "mk1/private-keyring", ["recipients"], faults);
  const recipients = readList<PrivateRecipientJson>(file, "recipients", faults, {
    states: recipientStates,
    required: ["public_key", "private_key"],
  });
  if (listOf(file, "recipients").length === 0) {
    faults.push("recipients is empty, so the keyring opens nothing.");
  }
  return recipients;
}

function listOf(file: Members, name: string): readonly unknown[] {
  const list = file[name];
  return Array.isArray(list) ? list : [];
}

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function readFile(
  json: unknown,
  format: string,
  lists: readonly string[],
  faults: Faults,
): Members {
  if (!isObject(json)) {
    faults.push("The keyring must be a JSON object.");
    return {};
  }
  if (json["format"] !== format) faults.push(`format must be "${format}".`);
  refuseOthers(json, ["format", ...lists], "The keyring", faults);
  return json;
}

/** A misspelt member is a fault, not a default; its name is not repeated, since it may be anything. */
function refuseOthers(
  object: Members,
  known: readonly string[],
  place: string,
  faults: Faults,
): void {
  const others = Object.keys(object).filter((name) => !known.includes(name)).length;
  if (others > 0) {
    faults.push(`${place} has ${others} unknown member(s); known are ${known.join(", ")}.`);
  }
}

interface EntryShape {
  readonly states: readonly string[];
  readonly required: readonly string[];
  readonly optional?: readonly string[];
}

function readList<Entry>(
  file: Members,
  name: string,
  faults: Faults,
  shape: EntryShape,
): Placed<Entry>[] {
  if (!Array.isArray(file[name])) faults.push(`${name} must be a list.`);
  const kids = new Set<unknown>();
  return listOf(file, name).flatMap((entry, index) => {
    const before = faults.length;
    const place = `${name}[${index}]`;
    checkEntry(entry, place, shape, faults);
    const sound = faults.length === before;
    const kid = isObject(entry) ? entry["kid"] : undefined;
    if (kid !== undefined && kids.has(kid)) {
      faults.push(`${place}.kid stands in ${name} twice.`);
    }
    kids.add(kid);
    // Only what checkEntry found sound is of this type.
    return sound ? [{ ...(entry as Entry), place }] : [];
  });
}

function checkEntry(entry: unknown, place: string, shape: EntryShape, faults: Faults): void {
  if (!isObject(entry)) {
    faults.push(`${place} must be an object.`);
    return;
  }
  const { kid, state } = entry;
  if (typeof kid !== "string" || !isKid(kid)) {
    faults.push(`${place}.kid must be 1 to 16 of a-z and 0-9.`);
  }
  if (typeof state !== "string" || !shape.states.includes(state)) {
    faults.push(`${place}.state must be one of ${shape.states.join(", ")}.`);
  }
  const optional = shape.optional ?? [];
  for (const member of [...shape.required, ...optional]) {
    const value = entry[member];
    const mayBeMissing = optional.includes(member) && value === undefined;
    if (!mayBeMissing && (typeof value !== "string" || value === "")) {
      faults.push(`${place}.${member} ${value === undefined ? "is missing" : "must be text"}.`);
    }
  }
  refuseOthers(entry, ["kid", "state", ...shape.required, ...optional], place, faults);
}
