import { Hono } from "hono";
import { expect, test } from "vitest";
import { cookieOf } from "../src/guard.ts";
import type { Env } from "../src/ports.ts";

/** A server that writes, reads and removes the session's cookie. */
function serve(origin: string): Hono<Env> {
  const cookie = cookieOf(new URL(origin), "session");
  return new Hono<Env>()
    .get("/write", (c) => {
      cookie.write(c, "mine");
      return c.text("");
    })
    .get("/read", (c) => c.text(cookie.read(c) ?? "none"))
    .get("/remove", (c) => {
      cookie.remove(c);
      return c.text("");
    });
}

const cookies = async (app: Hono<Env>, path: string): Promise<string[]> =>
  (await app.request(path)).headers.getSetCookie();

test("over https the session's cookie is this host's alone, and no other is read", async () => {
  const app = serve("https://console.example.com");
  for (const path of ["/write", "/remove"]) {
    const [line = "", ...others] = await cookies(app, path);
    expect(others).toEqual([]);
    expect(line).toMatch(/^__Host-session=(mine)?;/);
    for (const part of ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"]) {
      expect(line.split("; ")).toContain(part);
    }
    expect(line).not.toMatch(/Domain/i);
  }
  const read = async (cookie: string): Promise<string> =>
    (await app.request("/read", { headers: { cookie } })).text();
  expect(await read("session=theirs")).toBe("none");
  expect(await read("session=theirs; __Host-session=mine")).toBe("mine");
});

test("on this machine, over http, it has no prefix that a browser would refuse", async () => {
  const [line] = await cookies(serve("http://localhost:8090"), "/write");
  expect(line).toBe("session=mine; Path=/; HttpOnly; SameSite=Lax");
});
