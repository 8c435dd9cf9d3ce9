/** A grant: its terms as they are signed, who decided, and what whoever looks at it may do. */

import type { Grant } from "@org/db";
import {
  canonicalGrant,
  describeCourse,
  describeDigest,
  describeGrant,
  describeHistory,
  describeJudged,
  findForgery,
  granted,
  hasDuty,
  judgeSubject,
  judgeValue,
  printable,
  type RecoverKeyring,
  refusal,
  requireDuty,
  requiredFor,
  showGrant,
  showVerified,
  stateOf,
} from "@org/recovery";
import { html } from "hono/html";
import { z } from "zod";
import { answer } from "../answer.ts";
import { grantId, readForm, textUpTo } from "../form.ts";
import type { App, Asked, ConsolePorts, SignedIn } from "../ports.ts";
import { alert, field, type Html, postForm, select, textBlock } from "./forms.ts";
import { openingForm, passkeyMissing } from "./open.ts";

const decisionForm = z.object({ decision: z.enum(["approve", "deny"]), assertion: z.string() });

const compareForm = z.object({ what: z.enum(["subject", "value"]), known: textUpTo(4_000) });

export function serveGrants(app: App, ports: ConsolePorts): void {
  const { contract, signing } = ports;

  app.get("/grants/:id", (c) => grantPage(c, ports));

  app.post("/grants/:id/compare", async (c) => {
    const { person, recovery } = c.get("signedIn");
    const { what, known: value } = readForm(c.get("form"), compareForm);
    requireDuty(person, "approve");
    const { grants } = recovery;
    const { grant } = await showVerified({ grants, operator: person }, idOf(c));
    const judge = what === "subject" ? judgeSubject : judgeValue;
    const openTokenizer = () => ports.tokenizerFor(person.login);
    const judged = await judge({ grants, openTokenizer }, { grant, contract, value });
    return grantPage(c, ports, describeJudged(judged, grant));
  });

  app.post("/grants/:id/decide", async (c) => {
    const { person, recovery } = c.get("signedIn");
    const { decision, assertion } = readForm(c.get("form"), decisionForm);
    const { login, keyring } = person;
    const { grants } = recovery;
    requireDuty(person, "approve");
    // As it stands now, not as the page showed it.
    const { grant } = await showVerified({ grants, operator: person }, idOf(c));
    if (grant.requester === login) throw refusal("self_approval");
    const signed = canonicalGrant(grant, { decision, deployment: keyring.deployment });
    const { kid: keyId, signature } = signing.read(person, signed, assertion);
    granted(await grants.decide(grant.id, { decision, keyId, signature, login }));
    return c.redirect(`/grants/${grant.id}`, 303);
  });

  app.post("/grants/:id/revoke", async (c) => {
    granted(await c.get("signedIn").recovery.grants.revoke(idOf(c)));
    return c.redirect(`/grants/${idOf(c)}`, 303);
  });
}

const idOf = (c: Asked): string => grantId(c.req.param("id"));

async function grantPage(
  c: Asked,
  ports: ConsolePorts,
  notice: string | null = null,
): Promise<Response> {
  const id = idOf(c);
  const signedIn = c.get("signedIn");
  const { grants } = signedIn.recovery;
  const { keyring } = signedIn.person;
  const grant = await showGrant(grants, id);
  if (grant === null) throw refusal("no_such_grant");
  const recordIds = await grants.records(id);
  const history = await grants.history(id);
  const forgery = findForgery(grant, recordIds, keyring);
  const lines = [
    ...describeGrant(grant, requiredFor(grant, keyring)),
    ...(history === null ? [] : describeHistory(history)),
  ];
  const body = html`${notice && html`<p role="status">${notice}</p>`}
    ${forgery && alert(refusal("forged_approval"))}
    <h2>Terms</h2>
    <p><code>recover list --grant ${id}</code> prints the same.</p>
    ${textBlock(lines)} ${forgery === null && actions(ports, signedIn, grant)}
    <h2>What became of it</h2>
    <p>
      By the audit's rows, each hashed anew here. That none is missing, an auditor proves:
      <a href="/audit?grant=${id}">the audit</a>.
    </p>
    ${textBlock(await describeCourse(grants, grant, keyring))} ${digests(grant, keyring)}
    ${recordIds.length > 0 && details(`Records (${recordIds.length})`, recordIds.slice(0, 1_000))}`;
  return answer(c, { title: `Grant ${id.slice(0, 8)}: ${stateOf(grant, keyring)}`, body });
}

function actions(ports: ConsolePorts, signedIn: SignedIn, grant: Grant): Html {
  const { person, session } = signedIn;
  const state = stateOf(grant, person.keyring);
  const isMine = grant.requester === person.login;
  const parts: Html[] = [];
  if (isMine && state === "pending") {
    parts.push(html`<p>It waits for somebody else's approval. Then load this page again.</p>`);
  }
  if (!isMine && state === "live") {
    parts.push(html`<p>It is approved: ${printable(grant.requester)} may use it.</p>`);
  }
  if (isMine && state === "live") parts.push(openingForm(ports, signedIn, grant));
  if (!isMine && state === "pending" && hasDuty(person, "approve")) {
    parts.push(decisionForms(ports, signedIn, grant));
  }
  if (state === "pending" || state === "live") {
    parts.push(
      html`<details>
        <summary>Revoke</summary>
        ${postForm(
          { action: `/grants/${grant.id}/revoke`, session },
          html`<p>Nobody opens anything under it from then on. It cannot be undone.</p>
            <button>Revoke this grant</button>`,
        )}
      </details>`,
    );
  }
  return html`<h2>What you can do</h2>
    ${parts.length > 0 ? parts : html`<p>Nothing: it is over.</p>`}`;
}

function decisionForms(ports: ConsolePorts, { person, session }: SignedIn, grant: Grant): Html {
  const { signing, contract } = ports;
  const decided = grant.approvals.find(({ approver }) => approver === person.login);
  if (decided !== undefined) return html`<p>You have decided: ${decided.decision}.</p>`;
  const { deployment } = person.keyring;
  const ask = (decision: "approve" | "deny") =>
    signing.ask(person, canonicalGrant(grant, { decision, deployment }));
  if (ask("approve") === null) return passkeyMissing;
  const form = (decision: "approve" | "deny", verb: string): Html =>
    postForm(
      { action: `/grants/${grant.id}/decide`, session, ...ask(decision) },
      html`<input type="hidden" name="decision" value="${decision}" />
        <button class="${decision === "approve" && "main"}">${verb} with ${signing.by}</button>`,
    );
  const kinds = [
    ["subject", `Subject (${contract.subject})`],
    ["value", "Masked value"],
  ] as const;
  return html`${postForm(
      { action: `/grants/${grant.id}/compare`, session },
      html`<p>
          Compare before you approve: is it about the person, or the value, that the ticket names? A
          comparison is audited, and answers guesses: there are few an hour.
        </p>
        ${select("what", "What you know", { options: kinds })}
        ${field("known", "It is", { required: "", maxlength: 4_000 })}
        <button>Compare</button>`,
    )}
    <p>You sign every term above, the records that it means, and this deployment.</p>
    <div class="pair">${form("approve", "Approve")}${form("deny", "Deny")}</div>`;
}

/** The line of each decision as `recover list` prints it. */
function digests(grant: Grant, { deployment }: RecoverKeyring): Html {
  const decisions = ["approve", "deny"] as const;
  const lines = decisions.map((decision) => describeDigest(grant, { decision, deployment }));
  return details("Digests", lines);
}

function details(summary: string, lines: readonly string[]): Html {
  return html`<details>
    <summary>${summary}</summary>
    ${textBlock(lines)}
  </details>`;
}
