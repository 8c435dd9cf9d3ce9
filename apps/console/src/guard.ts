/** What every request passes: host, size, rate, session, and for what changes something the form's token. */

import { timingSafeEqual } from "node:crypto";
import { getConnInfo } from "@hono/node-server/conninfo";
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { routePath } from "hono/route";
import { secureHeaders } from "hono/secure-headers";
import type { Asked, ConsolePorts, Env, SignedIn } from "./ports.ts";
import { Problem } from "./problem.ts";
import { createRateLimit } from "./rate-limit.ts";

type Guard = MiddlewareHandler<Env>;

/** One page answers one request; nothing of it is kept, framed, or fetched from elsewhere. */
export function headers({ protocol }: URL): Guard[] {
  const secure = secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
      requireTrustedTypesFor: ["'script'"],
    },
    crossOriginEmbedderPolicy: true,
    // With no-referrer, a browser would send no origin with a form either.
    referrerPolicy: "same-origin",
    strictTransportSecurity: protocol === "https:" ? "max-age=63072000" : false,
    xFrameOptions: "DENY",
    permissionsPolicy: {
      publickeyCredentialsGet: ["self"],
      camera: [],
      geolocation: [],
      microphone: [],
    },
  });
  return [secure, unstored];
}

const unstored: Guard = async (c, next) => {
  await next();
  c.header("Cache-Control", "no-store");
};

/** One line a request: the route, never what stands in its address. */
export function logged({ log, now }: Pick<ConsolePorts, "log" | "now">): Guard {
  return async (c, next) => {
    const startedAtMs = now();
    await next();
    const signedIn: SignedIn | undefined = c.get("signedIn");
    const login = signedIn?.person.login;
    const { status } = c.res;
    const route = routePath(c, -1);
    log.info({ method: c.req.method, route, status, ms: now() - startedAtMs, login }, "answered");
  };
}

/** A name of somebody else's that leads here, by DNS, is not answered. */
export function onlyHost({ host }: URL): Guard {
  return async (c, next) => {
    if (c.req.header("host") === host) return next();
    throw new Problem(
      421,
      "This is another host than the console's.",
      "Use the console's address.",
    );
  };
}

const formBytesAtMost = 64 * 1024;

const bounded: Guard = bodyLimit({
  maxSize: formBytesAtMost,
  onError() {
    throw new Problem(413, "The form is too long.", "Send fewer records at a time.");
  },
});

/** By session where there is one: a crowd behind one address does not keep out who is signed in. */
export function limited({ limits, sessions, origin }: ConsolePorts): Guard {
  const cookie = cookieOf(origin, "session");
  const bySession = createRateLimit(limits.perSession);
  const byAddress = createRateLimit(limits.perAddress);
  return async (c, next) => {
    const session = sessions.find(cookie.read(c));
    c.set("session", session);
    const isWithin = session === null ? byAddress.take(addressOf(c)) : bySession.take(session.id);
    if (isWithin) return next();
    c.header("Retry-After", "60");
    throw new Problem(429, "There were too many requests.", "Wait a minute, then go on.");
  };
}

/** Of one person, in whatever sessions: the connections to the database are for all. */
export function inTurn(atOnce: number): Guard {
  const taken = new Map<string, number>();
  return async (c, next) => {
    const session = c.get("session");
    if (session === null) return next();
    const who = JSON.stringify(session.subject);
    const count = taken.get(who) ?? 0;
    if (count >= atOnce) {
      c.header("Retry-After", "1");
      throw new Problem(429, "Other requests of yours are being answered.", "Wait for them.");
    }
    taken.set(who, count + 1);
    try {
      return await next();
    } finally {
      const left = (taken.get(who) ?? 0) - 1;
      if (left > 0) taken.set(who, left);
      else taken.delete(who);
    }
  };
}

function addressOf(c: Asked): string {
  return getConnInfo(c).remote.address ?? "";
}

/**
 * What changes something comes from a page of this session: by the browser's word (Origin,
 * Sec-Fetch-Site), and by the token that its form holds. Of whoever has no session no body is read.
 */
export function unforged({ origin }: Pick<ConsolePorts, "origin">): Guard[] {
  const sentHere: Guard = async (c, next) => {
    const site = c.req.header("sec-fetch-site") ?? "same-origin";
    const type = c.req.header("content-type") ?? "";
    const isForm = type.split(";")[0]?.trim().toLowerCase() === "application/x-www-form-urlencoded";
    const isOurs = c.req.header("origin") === origin.origin && site === "same-origin";
    if (isReading(c) || (c.get("session") !== null && isForm && isOurs)) return next();
    throw forged;
  };
  return [sentHere, bounded, withToken];
}

const withToken: Guard = async (c, next) => {
  if (isReading(c)) return next();
  const form = new URLSearchParams(await c.req.text());
  if (!isEqual(form.get("form_token") ?? "", c.get("session")?.formToken ?? null)) throw forged;
  c.set("form", form);
  return next();
};

function isReading({ req }: Asked): boolean {
  return req.method === "GET" || req.method === "HEAD";
}

const forged = new Problem(
  403,
  "This did not come from a page of your session.",
  "Your session may have ended. Nothing was done: open the page again, and repeat it there.",
);

function isEqual(given: string, expected: string | null): boolean {
  if (expected === null) return false;
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

export interface Cookie {
  readonly read: (c: Asked) => string | undefined;
  readonly write: (c: Asked, value: string, maxAgeSeconds?: number) => void;
  readonly remove: (c: Asked) => void;
}

/** Lax: who follows a link to a grant is signed in there; what changes something is held by its form. */
export function cookieOf({ protocol }: URL, name: "session" | "sign-in"): Cookie {
  // Over https the browser lets no other host, and no subdomain, set it.
  const prefix = protocol === "https:" ? ("host" as const) : undefined;
  const options = {
    path: "/",
    httpOnly: true,
    sameSite: "Lax",
    ...(prefix && { prefix }),
  } as const;
  return {
    read: (c) => getCookie(c, name, prefix),
    write: (c, value, maxAge) =>
      setCookie(c, name, value, { ...options, ...(maxAge !== undefined && { maxAge }) }),
    remove: (c) => void deleteCookie(c, name, options),
  };
}
