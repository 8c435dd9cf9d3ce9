/** Sample logins, parsed. */
import { createMessages } from "@org/local";
import type { Login } from "@org/schema";

/** Bodies of logins only: other shapes have no fields to mask. */
export function sampleBodies(count: number): string[] {
  return createMessages({ count, seed: 1 })
    .filter(({ kind }) => kind === "login")
    .map(({ body }) => body);
}

export function sampleLogins(count: number): Login[] {
  return sampleBodies(count).map((body) => JSON.parse(body) as Login);
}
