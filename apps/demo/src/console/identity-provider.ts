/** An OpenID provider where one chooses who one is: for the demo and for tests of the console. */
import { generateKeyPairSync } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { Provider, type Adapter, type AdapterPayload } from "oidc-provider";
import { page } from "./page.ts";

export interface IdentityProvider extends AsyncDisposable {
  readonly issuer: string;
}

export interface ProviderOptions {
  readonly port: number;
  /** Their `sub`: letters, digits and underscores. */
  readonly people: readonly string[];
  /** What each does, to be read beside the name. */
  readonly duties?: Readonly<Record<string, string>>;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  /** Answers what is not the provider's; false of what is. */
  readonly serve?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export async function startIdentityProvider(options: ProviderOptions): Promise<IdentityProvider> {
  const { port, clientId } = options;
  const issuer = `http://localhost:${port}`;
  const provider: Provider = new Provider(issuer, {
    adapter: MemoryAdapter,
    clients: [
      {
        client_id: clientId,
        client_secret: options.clientSecret,
        redirect_uris: [options.redirectUri],
        token_endpoint_auth_method: "client_secret_post",
      },
    ],
    cookies: { keys: [clientId + options.clientSecret] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    interactions: { url: (_, { uid }) => `/choose/${uid}` },
    jwks: { keys: [signingKey()] },
    // Nobody is asked for a consent: it is their own console.
    async loadExistingGrant({ oidc }) {
      const accountId = oidc.session?.accountId;
      const grant = new provider.Grant({ clientId, ...(accountId && { accountId }) });
      grant.addOIDCScope("openid");
      await grant.save();
      return grant;
    },
    // Whoever comes back is asked anew: in one browser, somebody else may have signed out just before.
    expiresWithSession: async () => false,
    ttl: { Session: 1, Interaction: 600, Grant: 600, IdToken: 600, AccessToken: 600 },
  });
  const others = provider.callback();
  const server = createServer((request, response) => {
    if (options.serve?.(request, response)) return;
    if (!request.url?.startsWith("/choose/")) return void others(request, response);
    choose(provider, options, { request, response }).catch(() => {
      response.writeHead(400).end("Begin again at the console.\n");
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "localhost", resolve));
  return {
    issuer,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function signingKey(): Record<string, unknown> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256" };
}

async function choose(
  provider: Provider,
  options: ProviderOptions,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
): Promise<void> {
  if (request.method !== "POST") {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(choices(options));
    return;
  }
  const accountId = new URLSearchParams(await text(request)).get("person") ?? "";
  const isKnown = options.people.includes(accountId);
  if (!isKnown) throw new TypeError("The demo knows nobody of that name.");
  await provider.interactionFinished(
    request,
    response,
    { login: { accountId } },
    { mergeWithLastSubmission: false },
  );
}

function choices({ people, duties = {} }: ProviderOptions): string {
  const buttons = people.map(
    (person) =>
      `<p><button name="person" value="${person}">${person}</button> ${duties[person] ?? ""}</p>`,
  );
  const body = `<p>This stands in for your company's sign-in.</p><form method="post">${buttons.join("")}</form>`;
  return page("Who are you?", body);
}

/** What a provider keeps, until it ends. */
class MemoryAdapter implements Adapter {
  static readonly kept = new Map<string, AdapterPayload>();
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    MemoryAdapter.kept.set(`${this.name} ${id}`, payload);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return MemoryAdapter.kept.get(`${this.name} ${id}`);
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.firstOf((payload) => payload.uid === uid);
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.firstOf((payload) => payload.userCode === userCode);
  }

  async consume(id: string): Promise<void> {
    const payload = await this.find(id);
    if (payload) await this.upsert(id, { ...payload, consumed: Date.now() / 1000 });
  }

  async destroy(id: string): Promise<void> {
    MemoryAdapter.kept.delete(`${this.name} ${id}`);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    for (const [key, { grantId: of }] of MemoryAdapter.kept) {
      if (of === grantId) MemoryAdapter.kept.delete(key);
    }
  }

  private firstOf(isMeant: (payload: AdapterPayload) => boolean): AdapterPayload | undefined {
    for (const [key, payload] of MemoryAdapter.kept) {
      if (key.startsWith(`${this.name} `) && isMeant(payload)) return payload;
    }
    return undefined;
  }
}
