/** What every page has: one heading, the way to the others, who is signed in. */

import { html } from "hono/html";
import type { SignedIn } from "../ports.ts";
import { type Html, postForm } from "./forms.ts";

export interface Page {
  /** Stands in the browser's history: never a value. */
  readonly title: string;
  readonly body: Html;
  /** Null before one is signed in. */
  readonly signedIn: SignedIn | null;
}

const ways = [
  ["/", "Home"],
  ["/ask", "Ask"],
  ["/pipeline", "Pipeline"],
  ["/quarantine", "Quarantine"],
  ["/erasure", "Erasure"],
  ["/audit", "Audit"],
  ["/people", "People"],
  ["/passkey", "Passkey"],
] as const;

export function page({ title, body, signedIn }: Page): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} – Maskline</title>
        <link rel="icon" href="/static/icon.svg" />
        <link rel="stylesheet" href="/static/console.css" />
        <script type="module" src="/static/console.js"></script>
      </head>
      <body>
        <a class="skip" href="#main">Skip to the page</a>
        <header>
          <strong>Maskline</strong>
          ${signedIn && navigation(signedIn)}
        </header>
        <main id="main" tabindex="-1">
          <h1>${title}</h1>
          ${body}
        </main>
      </body>
    </html>`;
}

function navigation({ person, session, hides }: SignedIn): Html {
  const shown = ways.filter(([href]) => !hides.includes(href));
  return html`<nav aria-label="Pages">
      <ul>
        ${shown.map(([href, name]) => html`<li><a href="${href}">${name}</a></li>`)}
      </ul>
    </nav>
    ${postForm(
      { action: "/sign-out", session },
      html`<span>${person.login}</span> <button>Sign out</button>`,
    )}`;
}

/** A table that scrolls by itself where the screen is narrow. */
export function table(
  caption: string,
  columns: readonly string[],
  rows: readonly (readonly (Html | string)[])[],
): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${columns.map((column) => html`<th scope="col">${column}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map((cell) => html`<td>${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
