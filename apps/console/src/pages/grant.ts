/** A grant: its terms as they are signed, who decided, and what whoever looks at it may do. */

import type { Grant, RequesterHistory } from "@org/db";
import {
  canonicalGrant,
  challengeOf,
  describeDigest,
  describeGrant,
  describeHistory,
  describeJudged,
  findForgery,
  granted,
  hasDuty,
  isSigned,
  judgeSubject,
  judgeValue,
  printable,
  refusal,
  requireDuty,
  requiredFor,
  showGrant,
  showVerified,
  stateOf,
} from "@org/recovery";
import { html } from "hono/html";
import { z } from "zod";
import { type Answer, answer } from "../answer.ts";
import { grantId, readForm, textUpTo } from "../form.ts";
import { assertionOptions, passkeysOf, readAssertion } from "../passkeys.ts";
import type { App, ConsolePorts, SignedIn } from "../ports.ts";
import { formToken, type Html, table } from "./layout.ts";
import { openingForm } from "./open.ts";

const decisionForm = z.object({
  decision: z.enum(["approve", "deny"]),
  assertion: z.string().max(8_000),
});

const compareForm = z.object({ what: z.enum(["subject", "value"]), known: textUpTo(4_000) });

export function serveGrants(app: App, ports: ConsolePorts): void {
  app.get("/grants/:id", async (c) => {
    const id = grantId(c.req.param("id"));
    return answer(c, await grantPage(ports, c.get("signedIn"), { id, notice: null }));
  });

  app.post("/grants/:id/compare", async (c) => {
    const id = grantId(c.req.param("id"));
    const signedIn = c.get("signedIn");
    const { person, recovery } = signedIn;
    const { what, known: value } = readForm(c.get("form"), compareForm);
    requireDuty(person, "approve");
    const { grants } = recovery;
    const { grant } = await showVerified({ grants, operator: person }, id);
    const judge = what === "subject" ? judgeSubject : judgeValue;
    const { contract, openTokenizer } = ports;
    const judged = await judge({ grants, openTokenizer }, { grant, contract, value });
    const notice = describeJudged(judged, grant);
    return answer(c, await grantPage(ports, signedIn, { id, notice }));
  });

  app.post("/grants/:id/decide", async (c) => {
    const id = grantId(c.req.param("id"));
    const signedIn = c.get("signedIn");
    const { decision, assertion } = readForm(c.get("form"), decisionForm);
    await decide(ports, signedIn, { id, decision, assertion });
    return c.redirect(`/grants/${id}`, 303);
  });

  app.post("/grants/:id/revoke", async (c) => {
    const id = grantId(c.req.param("id"));
    granted(await c.get("signedIn").recovery.grants.revoke(id));
    return c.redirect(`/grants/${id}`, 303);
  });
}

/** The signature is held against the grant as it stands now, not as the page showed it. */
async function decide(
  { origin }: ConsolePorts,
  { person, recovery }: SignedIn,
  wanted: {
    readonly id: string;
    readonly decision: "approve" | "deny";
    readonly assertion: string;
  },
): Promise<void> {
  const { decision } = wanted;
  requireDuty(person, "approve");
  const { grants } = recovery;
  const { grant } = await showVerified({ grants, operator: person }, wanted.id);
  if (grant.requester === person.login) throw refusal("self_approval");
  const { deployment } = person.keyring;
  const bytes = canonicalGrant(grant, { decision, deployment });
  const { kid, signature } = readAssertion(wanted.assertion, bytes, { person, origin });
  const { login } = person;
  granted(await grants.decide(grant.id, { decision, keyId: kid, signature, login }));
}

interface Shown {
  readonly grant: Grant;
  readonly recordIds: readonly string[];
  readonly history: RequesterHistory | null;
  readonly notice: string | null;
}

async function grantPage(
  ports: ConsolePorts,
  signedIn: SignedIn,
  { id, notice }: { readonly id: string; readonly notice: string | null },
): Promise<Answer> {
  const { grants } = signedIn.recovery;
  const grant = await showGrant(grants, id);
  if (grant === null) throw refusal("no_such_grant");
  const recordIds = await grants.records(id);
  const history = await grants.history(id);
  const shown = { grant, recordIds, history, notice };
  return { title: `Grant ${id.slice(0, 8)}`, body: describe(ports, signedIn, shown) };
}

function describe(ports: ConsolePorts, signedIn: SignedIn, shown: Shown): Html {
  const { grant, recordIds, history, notice } = shown;
  const { keyring } = signedIn.person;
  const forgery = findForgery(grant, recordIds, keyring);
  const lines = [
    ...describeGrant(grant, requiredFor(grant, keyring)),
    ...(history === null ? [] : describeHistory(history)),
  ];
  return html`${notice === null ? "" : html`<p role="status">${notice}</p>`}
    ${forgery === null ? "" : forged()}
    <h2>Terms</h2>
    <p><code>recover list --grant ${grant.id}</code> prints the same.</p>
    <pre class="terms" tabindex="0">${lines.join("\n")}</pre>
    ${forgery === null ? actions(ports, signedIn, shown) : ""} ${signatures(shown, signedIn)}
    ${digests(grant, signedIn)} ${recordIds.length === 0 ? "" : recordList(recordIds)}`;
}

function forged(): Html {
  const { message, advice } = refusal("forged_approval");
  return html`<p role="alert">${message}</p>
    <p>${advice}</p>`;
}

function actions(ports: ConsolePorts, signedIn: SignedIn, shown: Shown): Html {
  const { grant } = shown;
  const { person, session } = signedIn;
  const state = stateOf(grant, person.keyring);
  const isMine = grant.requester === person.login;
  const parts: Html[] = [];
  if (isMine && state === "pending") {
    parts.push(html`<p>It waits for somebody else: a request is not approved by who made it.</p>`);
  }
  if (isMine && state === "live") parts.push(openingForm(ports, signedIn, grant));
  if (!isMine && state === "pending" && hasDuty(person, "approve")) {
    parts.push(decisionForms(ports, signedIn, grant));
  }
  if (state === "pending" || state === "live") {
    parts.push(
      html`<details>
        <summary>Revoke</summary>
        <form method="post" action="/grants/${grant.id}/revoke">
          ${formToken(session)}
          <p>Nobody opens anything under it from then on. It cannot be undone.</p>
          <button class="quiet">Revoke this grant</button>
        </form>
      </details>`,
    );
  }
  return html`<h2>What you can do</h2>
    ${parts}`;
}

function decisionForms(ports: ConsolePorts, { person, session }: SignedIn, grant: Grant): Html {
  const { origin, contract } = ports;
  const decided = grant.approvals.find(({ approver }) => approver === person.login);
  if (decided !== undefined) return html`<p>You have decided: ${decided.decision}.</p>`;
  const passkeys = passkeysOf(person, origin);
  if (passkeys.length === 0) {
    return html`<p>
      The recover keyring has no passkey of yours for this console.
      <a href="/passkey">Make an entry for it</a>, or use <code>recover approve ${grant.id}</code>.
    </p>`;
  }
  const { deployment } = person.keyring;
  const form = (decision: "approve" | "deny", text: string): Html => {
    const challenge = challengeOf(grant, { decision, deployment });
    const options = assertionOptions(challenge, passkeys, origin);
    return html`<form
      method="post"
      action="/grants/${grant.id}/decide"
      data-passkey="${JSON.stringify(options)}"
    >
      ${formToken(session)}<input type="hidden" name="decision" value="${decision}" />
      <input type="hidden" name="assertion" />
      <button class="${decision}">${text}</button>
      <p role="alert" hidden></p>
    </form>`;
  };
  return html`<form method="post" action="/grants/${grant.id}/compare">
      ${formToken(session)}
      <p>
        Hold against it what the ticket says. The comparison is audited, and answers guesses: there
        are few an hour.
      </p>
      <label for="what">What you know</label>
      <select id="what" name="what">
        <option value="subject">Subject (${contract.subject})</option>
        <option value="value">Masked value</option>
      </select>
      <label for="known">It is</label>
      <input
        id="known"
        name="known"
        required
        maxlength="4000"
        autocomplete="off"
        spellcheck="false"
      />
      <button class="quiet">Compare</button>
    </form>
    <p>Your passkey signs every term above, the records it means, and this deployment.</p>
    <div class="pair">
      ${form("approve", "Approve with a passkey")}${form("deny", "Deny with a passkey")}
    </div>`;
}

function signatures({ grant }: Shown, { person }: SignedIn): Html {
  const { keyring } = person;
  const rows = grant.approvals.map((approval) => [
    printable(approval.approver),
    approval.decision,
    printable(approval.keyId),
    isSigned(grant, approval, keyring) ? "holds" : "does not hold",
  ]);
  const timeline = html`<h2>Who decided</h2>
    <ol>
      <li><time>${grant.createdAt}</time> ${printable(grant.requester)} asked</li>
      ${grant.approvals.map(({ approver, decision }) => html`<li>${printable(approver)}: ${decision}</li>`)}
      <li><time>${grant.expiresAt}</time> it ends</li>
    </ol>
    <p><a href="/audit?grant=${grant.id}">What the audit says of it</a> (auditors)</p>`;
  if (rows.length === 0) return timeline;
  return html`${timeline}${table("Signatures", ["Person", "Decision", "Key", "Signature"], rows)}`;
}

/** The line of each decision as `recover list` prints it. */
function digests(grant: Grant, { person }: SignedIn): Html {
  const { deployment } = person.keyring;
  const decisions = ["approve", "deny"] as const;
  const lines = decisions.map((decision) => describeDigest(grant, { decision, deployment }));
  return html`<details>
    <summary>Digests</summary>
    <pre tabindex="0">${lines.join("\n")}</pre>
  </details>`;
}

function recordList(recordIds: readonly string[]): Html {
  const shown = recordIds.slice(0, 1_000);
  return html`<details>
    <summary>Records (${recordIds.length})</summary>
    <pre tabindex="0">${shown.join("\n")}</pre>
  </details>`;
}
