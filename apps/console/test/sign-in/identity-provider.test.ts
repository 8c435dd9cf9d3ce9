/** Whom a provider's answer names: of one provider, for this client, and for the browser that was sent there. */

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openIdentityProvider } from "../../src/sign-in/identity-provider.ts";

const clientId = "console";
const redirectUri = "https://console.example.com/signed-in";

/** What the provider says of the sign-in at hand. */
let claims: Record<string, unknown>;
/** What it was asked with, for its token. */
let asked: URLSearchParams;
let issuer: string;

const server = createServer((request, response) => void serve(request, response));

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = JSON.stringify(await answer(request.url ?? "", request));
  response.writeHead(200, { "content-type": "application/json" }).end(body);
}

async function answer(path: string, body: NodeJS.ReadableStream): Promise<object> {
  if (path !== "/token") {
    return {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      authorization_response_iss_parameter_supported: true,
    };
  }
  asked = new URLSearchParams(await text(body));
  // Not verified: it comes from the provider itself, over its own TLS.
  const token = `${part({ alg: "RS256" })}.${part(claims)}.AAAA`;
  return { access_token: "a", token_type: "bearer", id_token: token };
}

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

/** Signs in with another answer, or other claims, than are right. */
async function signIn(
  changes: Record<string, unknown>,
  parameters: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const provider = openIdentityProvider({ issuer, clientId, clientSecret: "s", redirectUri });
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
