/** Every route, and what a request passes before it. */

import { readFile } from "node:fs/promises";
import { Hono } from "hono";
import { answerProblem } from "./answer.ts";
import { headers, inTurn, limited, logged, onlyHost, unforged } from "./guard.ts";
import { serveAsk } from "./pages/ask.ts";
import { serveAudit } from "./pages/audit.ts";
import { serveEnrolment } from "./pages/enrol.ts";
import { serveErasing } from "./pages/erase.ts";
import { serveGrants } from "./pages/grant.ts";
import { serveHome } from "./pages/home.ts";
import { serveOpening } from "./pages/open.ts";
import { servePeople } from "./pages/people.ts";
import { servePipeline } from "./pages/pipeline.ts";
import { serveQuarantine } from "./pages/quarantine.ts";
import type { App, ConsolePorts, Env, Limits } from "./ports.ts";
import { Problem } from "./problem.ts";
import { onlyMembers, serveSignOut } from "./sign-in/routes.ts";

/** Of one person: a quarter of what the database answers at once. */
const atOnce = 4;
export const connectionsAtMost = 16;
export const usualLimits: Limits = { perSession: 300, perAddress: 300, eraseBatches: 20 };

export async function createApp(ports: ConsolePorts): Promise<App> {
  const app: App = new Hono<Env>();
  app.onError((error, c) => answerProblem(c, error, ports));
  app.notFound((c) => answerProblem(c, notFound, ports));
  app.use(logged(ports), ...headers(ports.origin));
  app.get("/live", (c) => c.text("live\n"));
  app.get("/ready", async (c) => {
    const isReady = await ports.isReady();
    return c.text(isReady ? "ok\n" : "unavailable\n", isReady ? 200 : 503);
  });
  app.use(onlyHost(ports.origin));
  await serveStatic(app);
  app.use(limited(ports), inTurn(atOnce), ...unforged(ports));
  ports.signIn.serve(app, ports);
  serveSignOut(app, ports);
  app.use(onlyMembers(ports));
  serveHome(app, ports);
  serveAsk(app, ports);
  serveGrants(app, ports);
  serveOpening(app, ports);
  serveErasing(app, ports);
  serveAudit(app, ports);
  servePeople(app);
  if (ports.signing.by === "a passkey") serveEnrolment(app, ports);
  servePipeline(app, ports);
  serveQuarantine(app);
  return app;
}

const notFound = new Problem(404, "There is no such page.", "Begin at the home page.");

const files = {
  "console.css": "text/css; charset=utf-8",
  "console.js": "text/javascript; charset=utf-8",
  "icon.svg": "image/svg+xml",
} as const;

/** Read once; nobody chooses a path. */
async function serveStatic(app: App): Promise<void> {
  for (const [name, type] of Object.entries(files)) {
    const text = await readFile(new URL(`../static/${name}`, import.meta.url), "utf8");
    app.get(`/static/${name}`, (c) => c.body(text, 200, { "Content-Type": type }));
  }
}
