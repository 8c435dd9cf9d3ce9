/** Whom a provider's answer names: of one provider, for this client, and for the browser that was sent there. */

import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openIdentityProvider } from "../../src/sign-in/identity-provider.ts";

const clientId = "console";
const redirectUri = "https://console.example.com/signed-in";

const clientSecret = "a-secret-of-tests-alone";

/** The provider's, and one that it does not publish. */
const ours = generateKeyPairSync("ec", { namedCurve: "P-256" });
const other = generateKeyPairSync("ec", { namedCurve: "P-256" });

/** What the provider says of the sign-in at hand. */
let claims: Record<string, unknown>;
/** Makes a token of what is to be signed. */
let signed: Sign;
/** What it was asked with, for its token. */
let asked: URLSearchParams;
let issuer: string;

const server = createServer((request, response) => void serve(request, response));

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = JSON.stringify(await answer(request.url ?? "", request));
  response.writeHead(200, { "content-type": "application/json" }).end(body);
}

async function answer(path: string, body: NodeJS.ReadableStream): Promise<object> {
  if (path === "/keys") {
    const key = ours.publicKey.export({ format: "jwk" });
    return { keys: [{ ...key, kid: "1", use: "sig", alg: "ES256" }] };
  }
  if (path !== "/token") {
    return {
      issuer,
      jwks_uri: `${issuer}/keys`,
      id_token_signing_alg_values_supported: ["ES256", "HS256", "none"],
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      authorization_response_iss_parameter_supported: true,
    };
  }
  asked = new URLSearchParams(await text(body));
  return { access_token: "a", token_type: "bearer", id_token: signed(claims) };
}

type Sign = (payload: object) => string;

const signedBy =
  (key: KeyObject): Sign =>
  (payload) => {
    const text = `${part({ alg: "ES256", kid: "1" })}.${part(payload)}`;
    const signature = sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
    return `${text}.${signature.toString("base64url")}`;
  };

const signedByProvider = signedBy(ours.privateKey);

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const now = (): number => Math.floor(Date.now() / 1000);

/** Signs in with another answer, or other claims, than are right; or with another's signature. */
async function signIn(
  changes: Record<string, unknown>,
  parameters: Readonly<Record<string, string>> = {},
  sign = signedByProvider,
): Promise<unknown> {
  signed = sign;
  const provider = openIdentityProvider({ issuer, clientId, clientSecret, redirectUri });
  const { url, checks } = await provider.start();
  const nonce = url.searchParams.get("nonce");
  const times = { iat: now(), exp: now() + 60 };
  claims = { iss: issuer, sub: "rita", aud: clientId, nonce, ...times, ...changes };
  const given = { code: "c", state: checks.state, iss: issuer, ...parameters };
  const back = new URL(`${redirectUri}?${new URLSearchParams(given)}`);
  const subject = await provider.finish(back, checks);
  const challenge = createHash("sha256").update(asked.get("code_verifier") ?? "");
  expect(challenge.digest("base64url")).toBe(url.searchParams.get("code_challenge"));
  expect(asked.get("redirect_uri")).toBe(redirectUri);
  return subject;
}

test("the right answer names who they are, and the code is for whoever was sent away alone", async () => {
  expect(await signIn({})).toEqual({ issuer, sub: "rita" });
});

test.each<[string, Record<string, unknown>, Record<string, string>?]>([
  ["for another browser", { nonce: "another" }],
  ["for no browser", { nonce: undefined }],
  ["for another client", { aud: "wiki" }],
  ["for several clients, by another", { aud: [clientId, "wiki"], azp: "wiki" }],
  ["of another issuer", { iss: "https://other.example" }],
  ["that is over", { iat: now() - 7_200, exp: now() - 3_600 }],
  ["of nobody", { sub: undefined }],
  ["with another state", {}, { state: "another" }],
  ["of another provider's page", {}, { iss: "https://other.example" }],
  ["that is none", {}, { error: "access_denied" }],
])("an answer %s signs nobody in", async (_, changes, parameters) => {
  await expect(signIn(changes, parameters)).rejects.toMatchObject({ code: expect.any(String) });
});

test.each<[string, Sign]>([
  ["by another key", signedBy(other.privateKey)],
  ["for somebody else", between((token) => withClaims(token, { ...claims, sub: "adam" }))],
  ["without a signature", between((token) => token.replace(/[^.]*$/, ""))],
  ["as one that needs none", (payload) => `${part({ alg: "none" })}.${part(payload)}.`],
  ["by the client's secret", signedBySecret],
])("a token that somebody in between signed %s signs nobody in", async (_, sign) => {
  await expect(signIn({}, {}, sign)).rejects.toMatchObject({ code: expect.any(String) });
});

/** Changes what the provider signed. */
function between(change: (token: string) => string): Sign {
  return (payload) => change(signedByProvider(payload));
}

function withClaims(token: string, payload: object): string {
  const [head, , signature] = token.split(".");
  return `${head}.${part(payload)}.${signature}`;
}

/** Which the console has, and the provider: it says nothing of who made the token. */
function signedBySecret(payload: object): string {
  const text = `${part({ alg: "HS256" })}.${part(payload)}`;
  return `${text}.${createHmac("sha256", clientSecret).update(text).digest("base64url")}`;
}
