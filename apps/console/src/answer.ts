/** From what a handler returns, or throws, to the page that is sent. */

import { printableLines } from "@org/recovery";
import { html } from "hono/html";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { alert, type Html } from "./pages/forms.ts";
import { page } from "./pages/layout.ts";
import type { Asked, ConsolePorts, SignedIn } from "./ports.ts";
import { foresee, Problem } from "./problem.ts";

interface Answer {
  readonly title: string;
  readonly body: Html;
  readonly status?: ContentfulStatusCode;
}

/** Whatever a page tells, and whoever wrote it: no text turns what stands around it. */
export async function answer(c: Asked, { title, body, status = 200 }: Answer): Promise<Response> {
  const signedIn: SignedIn | null = c.get("signedIn") ?? null;
  const text = String(await page({ title, body, signedIn }));
  return c.html(printableLines(text), status);
}

export function answerProblem(
  c: Asked,
  error: unknown,
  { databaseFault, log }: Pick<ConsolePorts, "databaseFault" | "log">,
): Promise<Response> {
  const foreseen = foresee(error, databaseFault) ?? (isBrokenOff(c) ? brokenOff : null);
  if ((foreseen?.status ?? 500) === 500) log.error({ error: nameOf(error) }, "unexpected fault");
  const said =
    foreseen ??
    new Problem(500, "Something unexpected went wrong.", "Try again; tell who runs the console.");
  const body = html`${alert(said)}
    <p><a href="/">Home</a></p>`;
  return answer(c, { title: "That did not work", body, status: said.status });
}

/** Whoever sent it went away in the middle: nobody reads the answer. */
function isBrokenOff({ env: { incoming } }: Asked): boolean {
  return incoming.destroyed && !incoming.complete;
}

const brokenOff = new Problem(400, "The form broke off.", "Nothing was done. Send it again.");

/** Its message may quote a value. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
