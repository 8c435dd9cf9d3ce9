/** A browser without a screen: cookies, forms and the provider's pages, over the wire. */

import type { Authenticator } from "@org/local";

export interface Visit {
  readonly cookies: Map<string, string>;
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Response>;
  /** As the form of a page of this session would. */
  readonly post: (
    path: string,
    fields?: Readonly<Record<string, string | readonly string[]>>,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Response>;
  /** Opens an address that signs in, and resolves with its answer. */
  readonly arrive: (address: URL) => Promise<Response>;
  /** Resolves with the console's answer to what the provider said. */
  readonly signIn: (sub: string, grant?: string) => Promise<Response>;
  /** Where the provider sends this browser back to. */
  readonly comeBack: (sub: string, grant?: string) => Promise<URL>;
}

export function openVisit(origin: string): Visit {
  const cookies = new Map<string, string>();

  async function request(url: URL, init: RequestInit = {}): Promise<Response> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { cookie, ...(init.headers as Record<string, string> | undefined) };
    const response = await fetch(url, { ...init, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  }

  const at = (path: string): URL => new URL(path, origin);
  let formToken = "";

  async function comeBack(sub: string, grant?: string): Promise<URL> {
    const start = await request(at(`/sign-in/start${grant ? `?grant=${grant}` : ""}`));
    let next = new URL(start.headers.get("location") ?? "");
    while (next.origin !== origin) {
      const isChoice = next.pathname.startsWith("/choose/");
      const init = { method: "POST", body: new URLSearchParams({ person: sub }) };
      const answer = await request(next, isChoice ? init : {});
      next = new URL(answer.headers.get("location") ?? "", next);
    }
    return next;
  }

  async function arrive(address: URL): Promise<Response> {
    const response = await request(address);
    const page = await (await request(at("/"))).text();
    formToken = /name="form_token" value="([^"]+)"/.exec(page)?.[1] ?? "";
    return response;
  }

  return {
    cookies,
    get: (path, headers = {}) => request(at(path), { headers }),
    post: (path, fields = {}, headers = {}) =>
      request(at(path), {
        method: "POST",
        headers: { origin, ...headers },
        body: new URLSearchParams(
          Object.entries({ form_token: formToken, ...fields }).flatMap(([name, value]) =>
            (typeof value === "string" ? [value] : value).map((one) => [name, one]),
          ),
        ),
      }),
    comeBack,
    arrive,
    signIn: async (sub, grant) => arrive(await comeBack(sub, grant)),
  };
}

/** What the form of the page for this asks a passkey to sign. */
export async function challengeOf(visit: Visit, path: string, button: string): Promise<Buffer> {
  const page = (await (await visit.get(path)).text()).replaceAll("&quot;", '"');
  const forms = page.split("<form").filter((form) => form.includes(button));
  return Buffer.from(/"challenge":"([\w-]+)"/.exec(forms[0] ?? "")?.[1] ?? "", "base64url");
}

/** As the page's script writes it. */
export function assertionOf(
  key: Authenticator,
  challenge: Uint8Array,
  id: string = key.credentialId,
): string {
  const answer = Object.entries(key.assert(challenge)).map(
    ([name, bytes]: [string, Uint8Array]) => [name, Buffer.from(bytes).toString("base64url")],
  );
  return JSON.stringify({ id, response: Object.fromEntries(answer) });
}
