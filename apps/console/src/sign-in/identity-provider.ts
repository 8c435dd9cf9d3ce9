/** OpenID Connect: the authorization code flow with PKCE (RFC 7636), state and nonce. */

import type { Subject } from "@org/recovery";
import * as openid from "openid-client";

/** What a browser was sent away with; its answer has to fit. */
export interface SignInChecks {
  readonly verifier: string;
  readonly state: string;
  readonly nonce: string;
}

export interface IdentityProvider {
  readonly start: () => Promise<{ readonly url: URL; readonly checks: SignInChecks }>;
  /** @throws if the answer does not fit, or its token does not hold. */
  readonly finish: (answer: URL, checks: SignInChecks) => Promise<Subject>;
}

export interface ProviderSettings {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
}

/** Asks the provider what it can do with the first person who signs in, not at the start. */
export function openIdentityProvider(settings: ProviderSettings): IdentityProvider {
  const { redirectUri, ...provider } = settings;
  let found: Promise<openid.Configuration> | null = null;
  const configuration = (): Promise<openid.Configuration> => {
    found ??= discover(provider).catch((error: unknown) => {
      found = null;
      throw error;
    });
    return found;
  };
  return {
    async start() {
      const checks = {
        verifier: openid.randomPKCECodeVerifier(),
        state: openid.randomState(),
        nonce: openid.randomNonce(),
      };
      const url = openid.buildAuthorizationUrl(await configuration(), {
        redirect_uri: redirectUri,
        scope: "openid",
        code_challenge: await openid.calculatePKCECodeChallenge(checks.verifier),
        code_challenge_method: "S256",
        state: checks.state,
        nonce: checks.nonce,
      });
      return { url, checks };
    },
    async finish(answer, { verifier, state, nonce }) {
      const tokens = await openid.authorizationCodeGrant(await configuration(), answer, {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (claims === undefined) throw new TypeError("The provider gave no ID token.");
      return { issuer: claims.iss, sub: claims.sub };
    },
  };
}

function discover({
  issuer,
  clientId,
  clientSecret,
}: Omit<ProviderSettings, "redirectUri">): Promise<openid.Configuration> {
  const url = new URL(issuer);
  // Whether http is let pass is judged at the start, with what else production refuses.
  const overHttp = url.protocol === "http:" ? [openid.allowInsecureRequests] : [];
  // OpenID Connect Core 3.1.3.7 leaves a token's signature to TLS: here it holds by the provider's keys as well.
  const execute = [openid.enableNonRepudiationChecks, ...overHttp];
  return openid.discovery(url, clientId, clientSecret, undefined, { execute, timeout: 10 });
}
