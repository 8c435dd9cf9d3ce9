/**
 * Passkeys: ES256 credentials of WebAuthn level 3, and the assertions by which they approve. All that is
 * needed to verify one stands in the recover keyring; nothing of it is asked for elsewhere.
 */

import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { lengthPrefixed } from "@org/masking";
import { z } from "zod";
import { kidOf } from "./public-key.ts";

/** As a recover keyring has it. */
export interface PasskeyJson {
  readonly kid: string;
  readonly type: "webauthn";
  /** A domain. */
  readonly rp_id: string;
  /** As a browser writes it: scheme, host, and a port that is not the scheme's own. */
  readonly origin: string;
  /** Base64url without padding, as browsers give it. */
  readonly credential_id: string;
  /** A COSE_Key of ES256, base64url without padding. */
  readonly public_key: string;
  readonly state: "active" | "retired";
}

export interface Passkey {
  readonly rpId: string;
  readonly origin: string;
  readonly credentialId: string;
  readonly key: KeyObject;
}

/** What an authenticator answers, as bytes. */
export interface Assertion {
  readonly authenticatorData: Uint8Array;
  readonly clientDataJSON: Uint8Array;
  /** ECDSA in DER. */
  readonly signature: Uint8Array;
}

export const passkeyJson: z.ZodType<PasskeyJson> = z.strictObject({
  kid: z.string(),
  type: z.literal("webauthn"),
  rp_id: z.string().min(1).max(253),
  origin: z.string().min(1).max(512),
  credential_id: z.string().min(1).max(1364),
  public_key: z.string(),
  state: z.enum(["active", "retired"]),
});

/** What an assertion is stored in, at most. */
const signatureBytesAtMost = 2048;

/**
 * An entry for the recover keyring, for review.
 *
 * @param publicKey - The COSE_Key of the credential, as its authenticator encoded it.
 */
export function passkeyEntry(
  credential: Pick<Passkey, "rpId" | "origin" | "credentialId"> & {
    readonly publicKey: Uint8Array;
  },
): PasskeyJson {
  return {
    kid: kidOf(credential.publicKey),
    type: "webauthn",
    rp_id: credential.rpId,
    origin: credential.origin,
    credential_id: credential.credentialId,
    public_key: base64url(credential.publicKey),
    state: "active",
  };
}

/** @returns Every fault of the entry, by its member; its kid is for the caller to compare. */
export function readPasskey(entry: PasskeyJson): PasskeyOfKid | readonly string[] {
  const { rp_id: rpId, origin, credential_id: credentialId, public_key } = entry;
  const raw = bytesOf(public_key);
  const key = raw === null ? null : keyOf(raw);
  const faults = [
    ...(isOrigin(origin)
      ? []
      : ["origin: is not the origin of a page over https, or of localhost"]),
    ...(isOfDomain(origin, rpId)
      ? []
      : ["rp_id: is not the domain of the origin, or one above it"]),
    ...(bytesOf(credentialId) === null ? ["credential_id: is not base64url without padding"] : []),
    ...(key === null ? ["public_key: is no COSE_Key of ES256 on P-256, in base64url"] : []),
  ];
  if (raw === null || key === null || faults.length > 0) return faults;
  return { kid: kidOf(raw), rpId, origin, credentialId, key };
}

export interface PasskeyOfKid extends Passkey {
  readonly kid: string;
}

/** As it is stored and audited. */
export function passkeySignature({
  authenticatorData,
  clientDataJSON,
  signature,
}: Assertion): Uint8Array {
  return lengthPrefixed(authenticatorData, clientDataJSON, signature);
}

/**
 * Whether the credential's holder, present and verified, signed just this challenge on the page of
 * this origin: WebAuthn level 3 section 7.2, steps 11 to 21, as far as they need no server's state.
 * No counter is held against an earlier one: passkeys that are synchronized have none.
 *
 * @param challenge - SHA-256 of what is signed.
 * @param stored - As {@link passkeySignature} makes it.
 */
export function isAssertedBy(passkey: Passkey, challenge: Uint8Array, stored: Uint8Array): boolean {
  const assertion = stored.length <= signatureBytesAtMost ? assertionOf(stored) : null;
  if (assertion === null) return false;
  const { authenticatorData, clientDataJSON, signature } = assertion;
  const signed = Buffer.concat([authenticatorData, sha256(clientDataJSON)]);
  return (
    isOfVerifiedUser(authenticatorData, passkey.rpId) &&
    isOfPage(clientDataJSON, passkey.origin, challenge) &&
    verify("sha256", signed, { key: passkey.key, dsaEncoding: "der" }, signature)
  );
}

/** Just three parts, each preceded by its length in four bytes. */
function assertionOf(stored: Uint8Array): Assertion | null {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const parts: Buffer[] = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const end = at + 4 + bytes.readUInt32BE(at);
    parts.push(bytes.subarray(at + 4, end));
    at = end;
  }
  const [authenticatorData, clientDataJSON, signature, ...others] = parts;
  if (!authenticatorData || !clientDataJSON || !signature) return null;
  return at === bytes.length && others.length === 0
    ? { authenticatorData, clientDataJSON, signature }
    : null;
}

/** Section 6.1: SHA-256 of the relying party's id, flags, and a counter of four bytes. */
function isOfVerifiedUser(authenticatorData: Uint8Array, rpId: string): boolean {
  const presentAndVerified = 0b101;
  const flags = authenticatorData[32] ?? 0;
  return (
    authenticatorData.length >= 37 &&
    sha256(rpId).equals(authenticatorData.subarray(0, 32)) &&
    (flags & presentAndVerified) === presentAndVerified
  );
}

const clientData = z.looseObject({
  type: z.literal("webauthn.get"),
  challenge: z.string(),
  origin: z.string(),
  // A page within another's.
  crossOrigin: z.literal(false).optional(),
  topOrigin: z.undefined().optional(),
});

function isOfPage(json: Uint8Array, origin: string, challenge: Uint8Array): boolean {
  const { data } = clientData.safeParse(parse(json));
  return data !== undefined && data.origin === origin && data.challenge === base64url(challenge);
}

function parse(json: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch {
    return null;
  }
}

/** RFC 9053 section 7.1.1 in CTAP2's canonical CBOR: EC2, ES256, P-256, then x and y of 32 bytes each. */
const coseHead = Buffer.from("a5010203262001215820", "hex");
const coseMiddle = Buffer.from("225820", "hex");
const coseBytes = 77;

function keyOf(raw: Uint8Array): KeyObject | null {
  const isCose =
    raw.length === coseBytes &&
    coseHead.equals(raw.subarray(0, 10)) &&
    coseMiddle.equals(raw.subarray(42, 45));
  if (!isCose) return null;
  const [x, y] = [base64url(raw.subarray(10, 42)), base64url(raw.subarray(45))];
  try {
    return createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
  } catch {
    // No point of the curve.
    return null;
  }
}

/** Null if it is not the one text of these bytes. */
function bytesOf(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, "base64url");
  return bytes.length > 0 && base64url(bytes) === text ? bytes : null;
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  return origin === text && (protocol === "https:" || isLocalhost(hostname));
}

/** To which browsers give passkeys over http too. */
function isLocalhost(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost");
}

function isOfDomain(origin: string, rpId: string): boolean {
  const hostname = URL.canParse(origin) ? new URL(origin).hostname : "";
  return /^[a-z0-9.-]+$/.test(rpId) && (hostname === rpId || hostname.endsWith(`.${rpId}`));
}

function sha256(bytes: Uint8Array | string): Buffer {
  return createHash("sha256").update(bytes).digest();
}
