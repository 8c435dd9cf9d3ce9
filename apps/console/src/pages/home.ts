/** What waits for me, and what I may use. */

import type { Grant } from "@org/db";
import { hasDuty, printable, stateOf } from "@org/recovery";
import { html } from "hono/html";
import { answer } from "../answer.ts";
import type { App, ConsolePorts, SignedIn } from "../ports.ts";
import type { Html } from "./forms.ts";
import { table } from "./layout.ts";
import { passkeyMissing } from "./open.ts";

const shownAtMost = 200;

export function serveHome(app: App, { signing }: ConsolePorts): void {
  app.get("/", async (c) => {
    const { person, recovery } = c.get("signedIn");
    const grants = await recovery.grants.list(shownAtMost);
    const isReady = signing.ask(person, new Uint8Array()) !== null;
    const body = html`${isReady || passkeyMissing} ${lists(grants, { person })}`;
    return answer(c, { title: "What waits for you", body });
  });
}

function lists(grants: readonly Grant[], { person }: Pick<SignedIn, "person">): Html {
  const { login, keyring } = person;
  const state = (grant: Grant): string => stateOf(grant, keyring);
  const isMine = ({ requester }: Grant): boolean => requester === login;
  const mayApprove = hasDuty(person, "approve");
  const waits = grants.filter(
    (grant) =>
      mayApprove && state(grant) === "pending" && !isMine(grant) && !hasDecided(grant, login),
  );
  const open = grants.filter((grant) => isMine(grant) && state(grant) === "live");
  const asked = grants.filter((grant) => isMine(grant) && state(grant) === "pending");
  const told = new Set([...waits, ...open, ...asked]);
  const others = grants.filter((grant) => !told.has(grant)).slice(0, 50);
  const each = (title: string, none: string, some: readonly Grant[]): Html =>
    html`<h2>${title}</h2>
      ${some.length === 0 ? html`<p>${none}</p>` : grantTable(title, some, state)}`;
  return html`${each("For you to decide", "Nothing waits for your decision.", waits)}
    ${each("For you to open", "Nothing is approved for you to open.", open)}
    ${each("Waiting for others", "None of your requests waits.", asked)}
    ${others.length === 0 ? "" : each("All others", "", others)}
    <p><a href="/ask">Ask for access</a></p>`;
}

function hasDecided({ approvals }: Grant, login: string): boolean {
  return approvals.some(({ approver }) => approver === login);
}

function grantTable(
  title: string,
  grants: readonly Grant[],
  state: (grant: Grant) => string,
): Html {
  const rows = grants.map((grant) => [
    html`<a href="/grants/${grant.id}">${grant.id.slice(0, 8)}</a>`,
    state(grant),
    printable(grant.requester),
    `${grant.capability} ${grant.fields.join(", ")}`,
    String(grant.records),
    printable(grant.purpose),
    printable(grant.ticket),
    grant.expiresAt,
  ]);
  const columns = ["Grant", "State", "Asked by", "To", "Records", "Purpose", "Ticket", "Until"];
  return table(title, columns, rows);
}
