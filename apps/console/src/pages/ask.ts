/** Asking for access: who, which fields, why, until when. How many records match is told after it. */

import type { AccessRequest, Grant, Selector } from "@org/db";
import { exit, granted, nameSubject, plainSubject, RecoverError, showGrant } from "@org/recovery";
import { tagField } from "@org/schema";
import { html } from "hono/html";
import { z } from "zod";
import { answer } from "../answer.ts";
import { purpose, readForm, textUpTo, token, utcTime, uuidList, wholeUpTo } from "../form.ts";
import type { App, Asked, ConsolePorts } from "../ports.ts";
import { Problem } from "../problem.ts";
import type { Session } from "../sign-in/sessions.ts";
import { formToken, type Html } from "./layout.ts";

const recordsAtMost = 1_000;

const why = {
  purpose,
  ticket: textUpTo(128),
  justification: textUpTo(2000),
  minutes: wholeUpTo(100_000),
};

const unmaskForm = z.object({
  field: z.array(z.string()).min(1).max(100),
  chosen: z.enum(["records", "subject", "token", "time"]),
  reveal: z.enum(["full", "partial"]),
  records: z.string().max(60_000),
  subject: z.string().max(4_000),
  token: z.string().max(200),
  from: z.string().max(30),
  to: z.string().max(30),
  ...why,
});

const lookupForm = z.object({ field: textUpTo(128), value: textUpTo(4_000), ...why });

const dossierForm = z.object({ subject: textUpTo(4_000), ...why });

export function serveAsk(app: App, ports: ConsolePorts): void {
  app.get("/ask", (c) =>
    answer(c, { title: "Ask for access", body: forms(ports, c.get("signedIn").session) }),
  );

  app.post("/ask/unmask", async (c) => {
    const form = readForm(c.get("form"), unmaskForm);
    const masked = ports.contract.fields.filter(({ isMasked }) => isMasked);
    requireKnown(
      form.field,
      masked.map(({ name }) => name),
    );
    const request = {
      ...termsOf(ports, form),
      capability: "unmask",
      fields: form.field,
      selector: await selectorOf(form, ports),
      reveal: form.reveal,
    } as const;
    return send(c, request);
  });

  app.post("/ask/dossier", async (c) => {
    const { subject, ...form } = readForm(c.get("form"), dossierForm);
    const request = {
      ...termsOf(ports, form),
      capability: "dossier",
      fields: [],
      selector: await wholeOf(subject, ports),
      reveal: "full",
    } as const;
    return send(c, request);
  });

  app.post("/ask/lookup", async (c) => {
    const { field, value, ...form } = readForm(c.get("form"), lookupForm);
    requireKnown([field], Object.keys(ports.contract.tokenFields));
    const tokenizer = await ports.openTokenizer();
    const request = {
      ...termsOf(ports, form),
      capability: "lookup",
      fields: [field],
      selector: { kind: "value", tokens: tokenizer.candidates(field, value) },
      reveal: "full",
    } as const;
    return send(c, request);
  });
}

async function send(c: Asked, request: AccessRequest): Promise<Response> {
  const { grants } = c.get("signedIn").recovery;
  const { grant } = granted(await grants.request(request));
  requireSameSubject(await showGrant(grants, grant), request.selector);
  return c.redirect(`/grants/${grant}`, 303);
}

/** Approvers would judge another request than was made. */
function requireSameSubject(grant: Grant | null, selector: Selector): void {
  const named = "commitment" in selector ? selector.commitment : undefined;
  if (grant?.selector["commitment"] === named) return;
  throw new RecoverError(exit.tampering, "The grant names another subject than you did.", {
    advice: "Revoke it. Somebody changed the database: tell the security team.",
  });
}

/** With the tags of the subject in quarantine, where the token key is at hand to make them. */
async function wholeOf(
  value: string,
  { contract, hasTokenizer, openTokenizer }: ConsolePorts,
): Promise<Selector> {
  const named = await nameSubject(contract, value, openTokenizer);
  if (!hasTokenizer) return { kind: "subject", ...named };
  const tokenizer = await openTokenizer();
  const tags = tokenizer.candidates(tagField, plainSubject(contract, value));
  return { kind: "subject", ...named, tags };
}

type Terms = Pick<
  AccessRequest,
  "tenant" | "contract" | "purpose" | "ticket" | "justification" | "minutes" | "maxRecords"
>;

function termsOf(
  { tenant, contract }: ConsolePorts,
  form: Pick<Terms, "purpose" | "ticket" | "justification" | "minutes">,
): Terms {
  const { ticket, minutes } = form;
  // A form sends lines as CRLF; the database takes no other control character than a newline.
  const justification = form.justification.replaceAll("\r\n", "\n");
  return {
    tenant,
    contract: contract.name,
    purpose: form.purpose,
    ticket,
    justification,
    minutes,
    maxRecords: null,
  };
}

function requireKnown(named: readonly string[], known: readonly string[]): void {
  if (named.every((field) => known.includes(field))) return;
  throw new RecoverError(exit.configuration, "The contract has no such field.", {
    advice: "Choose among the fields that the page shows.",
  });
}

async function selectorOf(
  form: z.output<typeof unmaskForm>,
  { contract, openTokenizer }: ConsolePorts,
): Promise<Selector> {
  const named =
    form.subject === "" ? null : await nameSubject(contract, form.subject, openTokenizer);
  const of = named ?? {};
  switch (form.chosen) {
    case "records": {
      const { records } = z.object({ records: uuidList(recordsAtMost) }).parse(form);
      if (records.length > 0) return { kind: "records", ids: records, ...of };
      throw unchosen;
    }
    case "token":
      return { kind: "token", ...z.object({ token }).parse(form), ...of };
    case "time":
      return { kind: "time", ...z.object({ from: utcTime, to: utcTime }).parse(form), ...of };
    case "subject":
      if (named !== null) return { kind: "subject", ...named };
      throw unchosen;
  }
}

const unchosen = new Problem(
  400,
  "Nothing says which records.",
  "Go back, and fill in what you chose: record ids, a subject, a masked value or two times.",
);

function forms({ contract, hasTokenizer }: ConsolePorts, session: Session): Html {
  const masked = contract.fields.filter(({ isMasked }) => isMasked);
  return html`<p>
      Somebody else approves. They see your name, purpose, ticket and justification; a subject they
      see as a hash, to hold their own knowledge against. How many records match is told once the
      request is in the audit.
    </p>
    <form method="post" action="/ask/unmask" aria-labelledby="open">
      ${formToken(session)}
      <h2 id="open">Open originals</h2>
      <fieldset>
        <legend>Fields of ${contract.name}</legend>
        ${masked.map(
          ({ name }) =>
            html`<label><input type="checkbox" name="field" value="${name}" /> ${name}</label>`,
        )}
      </fieldset>
      <fieldset>
        <legend>Records chosen by</legend>
        ${way("subject", "Subject", true)} ${way("records", "Record ids")}
        ${way("token", "Masked value")} ${way("time", "Time of sending")}
      </fieldset>
      ${input("subject", `Subject (${contract.subject}); beside another choice: of those, that person's alone`)}
      <div class="chosen records">
        <label for="records">Record ids, one a line</label>
        <textarea
          id="records"
          name="records"
          rows="3"
          autocomplete="off"
          spellcheck="false"
        ></textarea>
      </div>
      <div class="chosen token">${input("token", "Masked value, such as mk1.t1.…")}</div>
      <div class="chosen time pair">
        ${time("from", "Sent since (UTC)")}${time("to", "Sent before (UTC)")}
      </div>
      <fieldset>
        <legend>Show</legend>
        <label><input type="radio" name="reveal" value="full" checked /> The whole value</label>
        <label
          ><input type="radio" name="reveal" value="partial" /> A part: /24, /64, the last four
          characters</label
        >
      </fieldset>
      ${reasons("unmask")}
      <p><button>Ask to open</button></p>
    </form>
    <form method="post" action="/ask/dossier" aria-labelledby="own">
      ${formToken(session)}
      <h2 id="own">A person's own dossier</h2>
      <p>What is held about somebody, and every access to it, as a signed file for that person.</p>
      ${input("of", `Subject (${contract.subject})`, "subject")} ${reasons("dossier")}
      <p><button>Ask for a dossier</button></p>
    </form>
    ${
      hasTokenizer
        ? html`<form method="post" action="/ask/lookup" aria-labelledby="find">
            ${formToken(session)}
            <h2 id="find">Look up a value</h2>
            <p>Finds the records of a value that you know; they stay masked.</p>
            <label for="lookup-field">Field</label>
            <select id="lookup-field" name="field">
              ${Object.keys(contract.tokenFields).map((name) => html`<option>${name}</option>`)}
            </select>
            <label for="value">Value</label>
            <input
              id="value"
              name="value"
              required
              maxlength="4000"
              autocomplete="off"
              spellcheck="false"
            />
            ${reasons("lookup")}
            <p><button>Ask to look up</button></p>
          </form>`
        : ""
    }`;
}

function way(value: string, name: string, isChosen = false): Html {
  return html`<label
    ><input type="radio" name="chosen" value="${value}" ${isChosen ? "checked" : ""} />
    ${name}</label
  >`;
}

function input(id: string, label: string, name = id): Html {
  return html`<label for="${id}">${label}</label>
    <input id="${id}" name="${name}" autocomplete="off" spellcheck="false" />`;
}

function time(name: string, label: string): Html {
  return html`<div>
    <label for="${name}">${label}</label>
    <input id="${name}" name="${name}" type="datetime-local" />
  </div>`;
}

function reasons(form: string): Html {
  const id = (name: string): string => `${form}-${name}`;
  return html`<label for="${id("purpose")}"
      >Purpose: a code, such as fraud or subject-request</label
    >
    <input
      id="${id("purpose")}"
      name="purpose"
      required
      pattern="[a-z0-9][a-z0-9_\\-]{1,63}"
      autocomplete="off"
    />
    <label for="${id("ticket")}">Ticket</label>
    <input id="${id("ticket")}" name="ticket" required maxlength="128" autocomplete="off" />
    <label for="${id("justification")}">Why; approvers read it. No personal data</label>
    <textarea
      id="${id("justification")}"
      name="justification"
      required
      maxlength="2000"
      rows="3"
    ></textarea>
    <label for="${id("minutes")}">For how many minutes</label>
    <input id="${id("minutes")}" name="minutes" required type="number" min="1" value="60" />`;
}
