/** Stands in for the review of the recover keyring: a page where somebody's passkey is put into it. */
import { writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { CommandError, runCommand } from "../commands.ts";
import { page as pageOf } from "./page.ts";

export interface KeyringPage {
  /** Of the console. */
  readonly origin: string;
  readonly people: readonly string[];
  readonly directory: string;
  readonly keyringFile: string;
  readonly signal: AbortSignal;
}

export function serveKeyring(
  page: KeyringPage,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    if (request.url !== "/keyring") return false;
    answer(page, request)
      .then((said) => response.setHeader("content-type", "text/html; charset=utf-8").end(said))
      .catch(() => response.writeHead(500).end());
    return true;
  };
}

async function answer(page: KeyringPage, request: IncomingMessage): Promise<string> {
  if (request.method !== "POST") return html(page, "");
  const form = new URLSearchParams(await text(request));
  const login = form.get("login") ?? "";
  if (!page.people.includes(login)) return html(page, "Nobody of that name works here.");
  return html(page, await add(page, { login, entry: form.get("entry") ?? "" }));
}

/** As somebody who keeps the keyring would, once it was reviewed. */
async function add(
  { origin, directory, keyringFile, signal }: KeyringPage,
  { login, entry }: { readonly login: string; readonly entry: string },
): Promise<string> {
  const file = join(directory, `${login}.passkey.json`);
  await writeFile(file, entry);
  const args = ["keys", "passkey", "--login", login, "--entry", file, "--keyring", keyringFile];
  const logFile = join(directory, "keys.log");
  try {
    await runCommand({ name: "recover", args, env: {}, logFile }, signal);
    return `${login} may sign with this passkey. <a href="${origin}">Go on in the console</a>, as ${login}.`;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return "This is no entry that the keyring takes. Copy all of it, from { to }.";
  }
}

function html({ people }: KeyringPage, said: string): string {
  const options = people.map((person) => `<option>${person}</option>`).join("");
  const body = `<p>This file says who may do what, and by which keys. The page stands in for its review:
in life, whoever keeps the file asks the person for the <code>kid</code>, and compares.</p>
<p role="status">${said}</p><form method="post">
<p><label>Whose passkey <select name="login" required><option value="">Choose</option>${options}</select></label></p>
<p><label>Entry, as the console shows it<br><textarea name="entry" rows="10" required></textarea></label></p>
<p><button>Add it</button></p></form>`;
  return pageOf("The recover keyring", body);
}
