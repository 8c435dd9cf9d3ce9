/** Who somebody is who is alone with their signing key, and how they sign. */

import { createHash, timingSafeEqual } from "node:crypto";
import { identify, type Operator } from "@org/recovery";
import { cookieOf, Problem, secret, type Signing, type SignIn, unheld } from "console/pages";

/**
 * By an address that opens one session, once.
 *
 * @param offer - Is told the path of it, and of the next once it was used.
 */
export function signInByAddress(operator: Operator, offer: (path: string) => void): SignIn {
  let token = "";
  const renew = (): void => {
    token = secret();
    offer(`/sign-in/${token}`);
  };
  return {
    serve(app, { origin, sessions }) {
      const cookie = cookieOf(origin, "session");
      app.get("/sign-in", () => {
        throw notThisAddress;
      });
      app.get("/sign-in/:token", (c) => {
        // Whoever shows what an address leads to asks for its head.
        if (c.req.method !== "GET" || !isEqual(c.req.param("token"), token)) throw notThisAddress;
        cookie.write(c, sessions.open({ issuer: "recover", sub: operator.key.kid }).id);
        renew();
        return c.redirect("/", 303);
      });
      renew();
    },
    // Refused once the key is taken out of the keyring, or retired.
    loginOf: (keyring) => identify({ ...operator, keyring }).login,
    afterwards: "The terminal has an address for another.",
  };
}

const notThisAddress = new Problem(
  403,
  "This address opens no session.",
  "Each opens one, once: take the newest that `recover console` printed in your terminal.",
);

function isEqual(given: string, token: string): boolean {
  const [a, b] = [given, token].map((text) => createHash("sha256").update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The form brings back the digest that the page showed; the key signs if it is of the terms as they are. */
export function signByKey({ key }: Operator): Signing {
  return {
    by: "your key",
    ask: (_, bytes) => ({ digest: digestOf(bytes) }),
    read(_, bytes, answer) {
      if (answer !== digestOf(bytes)) throw unheld;
      return { kid: key.kid, signature: key.sign(bytes) };
    },
  };
}
