/** What `recover console` serves: these pages, over ports of its own. */

export { createApp, usualLimits } from "./app.ts";
export { cookieOf } from "./guard.ts";
export { unheld } from "./passkeys.ts";
export type { ConsolePorts, Signing, SignIn } from "./ports.ts";
export { Problem } from "./problem.ts";
export { servePages } from "./serve.ts";
export { createSessions, secret } from "./sign-in/sessions.ts";
