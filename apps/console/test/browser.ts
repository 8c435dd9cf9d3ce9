/** A real Chromium, from npm, with a virtual authenticator for each person. */

import chromium from "@sparticuz/chromium";
import {
  type Browser,
  type BrowserContext,
  chromium as playwright,
  type Page,
} from "playwright-core";
import type { CDPSession } from "playwright-core";

export type OpenedBrowser =
  | { readonly browser: Browser; readonly reason: null }
  /** Why there is none here. */
  | { readonly browser: null; readonly reason: string };

export async function openBrowser(): Promise<OpenedBrowser> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return { browser: null, reason: "@sparticuz/chromium is built for Linux on x64 alone" };
  }
  try {
    const executablePath = await chromium.executablePath();
    const args = ["--no-sandbox", "--disable-gpu"];
    return { browser: await playwright.launch({ executablePath, args }), reason: null };
  } catch {
    return { browser: null, reason: "Chromium from @sparticuz/chromium does not start here" };
  }
}

/** Somebody at a browser of their own. */
export interface Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly authenticator: CDPSession;
}

export async function visit(
  browser: Browser,
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<Visitor> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const authenticator = await context.newCDPSession(page);
  await authenticator.send("WebAuthn.enable");
  await authenticator.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { page, context, authenticator };
}
