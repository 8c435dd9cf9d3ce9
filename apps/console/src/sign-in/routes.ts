/** Signing in and out, and from a subject to whoever it is in the recover keyring. */

import { RecoverError, type RecoverKeyring } from "@org/recovery";
import { html } from "hono/html";
import type { MiddlewareHandler } from "hono";
import { answer } from "../answer.ts";
import { uuid } from "../form.ts";
import { type Cookie, cookieOf } from "../guard.ts";
import type { App, Asked, ConsolePorts, Env, SignIn } from "../ports.ts";
import { Problem } from "../problem.ts";
import type { IdentityProvider, SignInChecks } from "./identity-provider.ts";
import { dropOldest, secret, type Session } from "./sessions.ts";

/** Somebody who was sent to the provider, and is to come back in the same browser. */
interface Pending {
  readonly checks: SignInChecks;
  /** Where they wanted to go. */
  readonly to: string;
  readonly untilMs: number;
}

const pendingMs = 5 * 60_000;
const pendingAtMost = 10_000;

/** By an OpenID provider. */
export function signInAt(identityProvider: IdentityProvider): SignIn {
  return {
    serve: (app, ports) => serveSignIn(app, ports, identityProvider),
    loginOf: ({ members }, { issuer, sub }) =>
      members.find(({ subject }) => subject?.issuer === issuer && subject.sub === sub)?.login,
    afterwards:
      "Your OpenID provider may still know you: sign out there too on a machine that others use.",
  };
}

function serveSignIn(app: App, ports: ConsolePorts, identityProvider: IdentityProvider): void {
  const pending = new Map<string, Pending>();
  const away = cookieOf(ports.origin, "sign-in");
  const signedIn = cookieOf(ports.origin, "session");

  app.get("/sign-in", (c) => {
    const { success, data } = uuid.safeParse(c.req.query("grant") ?? "");
    const href = success ? `/sign-in/start?grant=${data}` : "/sign-in/start";
    return answer(c, {
      title: "Sign in",
      body: html`<p>Access to originals is asked for, approved by somebody else, and audited.</p>
        <p><a href="${href}">Sign in</a></p>`,
    });
  });

  app.get("/sign-in/start", async (c) => {
    const { success, data } = uuid.safeParse(c.req.query("grant") ?? "");
    const { url, checks } = await identityProvider.start().catch((error: unknown) => {
      ports.log.warn({ error: errorCode(error) }, "the OpenID provider does not answer");
      throw unreachable;
    });
    const id = secret();
    dropOldest(pending, pendingAtMost);
    const untilMs = ports.now() + pendingMs;
    pending.set(id, { checks, to: success ? `/grants/${data}` : "/", untilMs });
    away.write(c, id, pendingMs / 1000);
    return c.redirect(url.href);
  });

  app.get("/signed-in", async (c) => {
    const { checks, to } = takePending(c, away);
    const back = new URL(c.req.url);
    const answered = new URL(back.pathname + back.search, ports.origin);
    const subject = await identityProvider.finish(answered, checks).catch((error: unknown) => {
      ports.log.warn({ error: errorCode(error) }, "signing in failed");
      throw notSignedIn;
    });
    // Never the id that a browser brought along.
    const before = c.get("session");
    if (before !== null) ports.sessions.close(before.id);
    signedIn.write(c, ports.sessions.open(subject).id);
    return c.redirect(to, 303);
  });

  function takePending(c: Asked, cookie: Cookie): Pending {
    const id = cookie.read(c) ?? "";
    const found = pending.get(id);
    pending.delete(id);
    cookie.remove(c);
    if (found === undefined || found.untilMs <= ports.now()) throw notSignedIn;
    return found;
  }
}

export function serveSignOut(app: App, { sessions, origin, signIn }: ConsolePorts): void {
  const cookie = cookieOf(origin, "session");
  app.post("/sign-out", (c) => {
    const session = c.get("session");
    if (session !== null) sessions.close(session.id);
    cookie.remove(c);
    return answer(c, {
      title: "Signed out",
      body: html`<p>Your session here has ended. ${signIn.afterwards}</p>
        <p><a href="/sign-in">Sign in</a></p>`,
    });
  });
}

/** Of openid-client; its messages may hold what the provider said. */
function errorCode(error: unknown): string {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : "unknown";
}

const unreachable = new Problem(
  503,
  "The OpenID provider does not answer.",
  "Try again in a minute; tell who runs the console.",
);

const notSignedIn = new Problem(
  403,
  "You could not be signed in.",
  "Signing in takes less than five minutes, in one window. Begin again from the home page.",
);

/** Everything behind this is somebody's who stands in the recover keyring. */
export function onlyMembers(ports: ConsolePorts): MiddlewareHandler<Env> {
  return async (c, next) => {
    const session = c.get("session");
    if (session === null) return c.redirect(signInFor(c.req.path));
    const keyring = await readKeyring(ports);
    const login = ports.signIn.loginOf(keyring, session.subject);
    if (login === undefined) return strangerPage(c, session);
    const person = { login, tenant: ports.tenant, keyring };
    const hides = [
      ...(ports.pipeline === null ? ["/pipeline"] : []),
      ...(ports.signing.by === "a passkey" ? [] : ["/passkey"]),
    ];
    c.set("signedIn", { session, person, recovery: ports.actAs(login), hides });
    return next();
  };
}

/** What is wrong with the file is for whoever runs the console. */
async function readKeyring(ports: ConsolePorts): Promise<RecoverKeyring> {
  try {
    return await ports.readKeyring();
  } catch (error) {
    if (!(error instanceof RecoverError)) throw error;
    ports.log.error({ faults: error.faults }, error.message);
    throw unusable;
  }
}

const unusable = new Problem(
  503,
  "The recover keyring cannot be used.",
  "Nobody may do anything until it can. Tell who runs the console.",
);

function signInFor(path: string): string {
  const { success, data } = uuid.safeParse(/^\/grants\/([^/]+)$/.exec(path)?.[1] ?? "");
  return success ? `/sign-in?grant=${data}` : "/sign-in";
}

/** Shown to nobody but themselves; it names whom the keyring has to know. */
function strangerPage(c: Asked, { subject }: Session): Response | Promise<Response> {
  return answer(c, {
    title: "You are not in the recover keyring",
    status: 403,
    body: html`<p role="alert">Your OpenID provider knows you; the recover keyring does not.</p>
      <p>
        Give this to whoever keeps the recover keyring. It goes into the entry of your login, under
        review:
      </p>
      <pre tabindex="0">"subject": ${JSON.stringify(subject, null, 2)}</pre>
      <p><a href="/sign-in">Sign in as somebody else</a></p>`,
  });
}
