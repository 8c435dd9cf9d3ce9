/** A passkey in software, with the browser before it: WebAuthn without anybody who presses. */

import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

export interface AuthenticatorOptions {
  readonly rpId: string;
  readonly origin: string;
}

/** What a browser hands to the page. */
export interface AuthenticatorAnswer {
  readonly authenticatorData: Uint8Array;
  readonly clientDataJSON: Uint8Array;
  /** ECDSA in DER. */
  readonly signature: Uint8Array;
}

/** What is not as it should be, for tests. */
export interface AuthenticatorFaults extends Partial<AuthenticatorOptions> {
  /** Default: present and verified. */
  readonly flags?: number;
  /** More members of the client data, or others. */
  readonly clientData?: Readonly<Record<string, unknown>>;
}

export interface Authenticator extends AuthenticatorOptions {
  /** Base64url. */
  readonly credentialId: string;
  /** A COSE_Key of ES256, in CTAP2's canonical CBOR. */
  readonly publicKey: Uint8Array;
  readonly assert: (challenge: Uint8Array, faults?: AuthenticatorFaults) => AuthenticatorAnswer;
}

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  return {
    ...options,
    credentialId: randomBytes(32).toString("base64url"),
    publicKey: Buffer.concat([
      Buffer.from("a5010203262001215820", "hex"),
      Buffer.from(x, "base64url"),
      Buffer.from("225820", "hex"),
      Buffer.from(y, "base64url"),
    ]),
    assert(challenge, { flags = 0b101, clientData = {}, ...faults } = {}) {
      const { rpId, origin } = { ...options, ...faults };
      const clientDataJSON = Buffer.from(
        JSON.stringify({
          type: "webauthn.get",
          challenge: Buffer.from(challenge).toString("base64url"),
          origin,
          crossOrigin: false,
          ...clientData,
        }),
      );
      const authenticatorData = Buffer.concat([sha256(rpId), Uint8Array.of(flags, 0, 0, 0, 1)]);
      const signed = Buffer.concat([authenticatorData, sha256(clientDataJSON)]);
      return { authenticatorData, clientDataJSON, signature: sign("sha256", signed, privateKey) };
    },
  };
}

function sha256(bytes: Uint8Array | string): Buffer {
  return createHash("sha256").update(bytes).digest();
}
