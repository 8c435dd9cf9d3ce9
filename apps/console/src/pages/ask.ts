/** Asking for access: who, which fields, why, until when. How many records match is told after it. */

import type { AccessRequest, Selector } from "@org/db";
import {
  maskedFields,
  nameSubject,
  requestAccess,
  requireOpenableFields,
  requireTokenFields,
  type SubjectSelector,
  withTags,
} from "@org/recovery";
import { html } from "hono/html";
import { z } from "zod";
import { answer } from "../answer.ts";
import {
  day,
  purpose,
  readForm,
  textUpTo,
  token,
  utcTime,
  uuid,
  uuidList,
  wholeUpTo,
} from "../form.ts";
import type { App, ConsolePorts } from "../ports.ts";
import { Problem } from "../problem.ts";
import type { Session } from "../sign-in/sessions.ts";
import { choice, field, type Html, postForm, select } from "./forms.ts";

const recordsAtMost = 1_000;

const why = z.object({
  purpose,
  ticket: textUpTo(128),
  justification: textUpTo(2000),
  minutes: wholeUpTo(100_000),
});

const chosen = {
  chosen: z.enum(["records", "subject", "token", "time", "before"]),
  records: z.string().max(60_000),
  subject: z.string().max(4_000),
  token: z.string().max(200),
  from: z.string().max(30),
  to: z.string().max(30),
  before: z.string().max(30),
  keep_tokens: z.string().max(30),
};

type Chosen = z.output<z.ZodObject<typeof chosen>>;

/** For values that whoever asks gave. */
type OpenTokenizer = () => ReturnType<ConsolePorts["tokenizerFor"]>;

/** What a form says beside the reasons. */
type Wanted = Pick<AccessRequest, "capability" | "selector"> &
  Partial<Pick<AccessRequest, "fields" | "reveal">>;

export function serveAsk(app: App, ports: ConsolePorts): void {
  const { contract, tenant } = ports;

  function serve<Shape extends z.ZodRawShape>(
    what: string,
    shape: Shape,
    wantedBy: (form: z.output<z.ZodObject<Shape>>, open: OpenTokenizer) => Promise<Wanted>,
  ): void {
    app.post(`/ask/${what}`, async (c) => {
      const { login } = c.get("signedIn").person;
      const form = readForm(c.get("form"), z.object(shape));
      const wanted = await wantedBy(form, () => ports.tokenizerFor(login));
      const { justification, ...terms } = readForm(c.get("form"), why);
      const { id } = await requestAccess(c.get("signedIn").recovery.grants, {
        tenant,
        contract: contract.name,
        fields: [],
        reveal: "full",
        maxRecords: null,
        ...terms,
        // A form sends lines as CRLF; the database takes no other control character than a newline.
        justification: justification.replaceAll("\r\n", "\n"),
        ...wanted,
      });
      return c.redirect(`/grants/${id}`, 303);
    });
  }

  app.get("/ask", (c) =>
    answer(c, { title: "Ask for access", body: forms(ports, c.get("signedIn").session) }),
  );
  const unmask = {
    field: z.array(z.string()).min(1).max(100),
    reveal: z.enum(["full", "partial"]),
    ...chosen,
  };
  serve("unmask", unmask, async ({ field: fields, reveal, ...form }, open) => {
    requireOpenableFields(contract, fields);
    const capability = "unmask";
    const selector = await selectorOf(form, ports, { capability, open });
    return { capability, fields, reveal, selector };
  });
  serve("erase", chosen, async (form, open) => ({
    capability: "erase",
    selector: await selectorOf(form, ports, { capability: "erase", open }),
  }));
  serve("dossier", { subject: textUpTo(4_000) }, async ({ subject }, open) => ({
    capability: "dossier",
    selector: await wholeOf(subject, ports, open),
  }));
  serve("lookup", { field: textUpTo(128), value: textUpTo(4_000) }, async (form, open) => {
    requireTokenFields(contract, [form.field]);
    const tokenizer = await open();
    const tokens = tokenizer.candidates(form.field, form.value);
    return { capability: "lookup", fields: [form.field], selector: { kind: "value", tokens } };
  });
  const messages = {
    record: z.array(uuid).min(1).max(recordsAtMost),
    what: z.enum(["unmask", "retry", "erase"]),
  };
  serve("quarantined", messages, async ({ record: ids, what: capability }) => ({
    capability,
    fields: capability === "unmask" ? ["body"] : [],
    selector: { kind: "quarantine", ids },
  }));
}

async function wholeOf(
  value: string,
  { contract, tokenizer: held }: ConsolePorts,
  open: OpenTokenizer,
): Promise<SubjectSelector> {
  const named = await nameSubject(contract, value, open);
  const tokenizer = held && (await open());
  return withTags({ kind: "subject", ...named }, { contract, value }, tokenizer);
}

async function selectorOf(
  form: Chosen,
  ports: ConsolePorts,
  { capability, open }: { readonly capability: "unmask" | "erase"; readonly open: OpenTokenizer },
): Promise<Selector> {
  const { subject } = form;
  const keeping = form.keep_tokens === "" ? {} : { keepTokens: true };
  const isNarrowed = capability === "unmask" && subject !== "";
  const of = isNarrowed ? await nameSubject(ports.contract, subject, open) : keeping;
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
    case "before":
      return { kind: "before", date: z.object({ before: day }).parse(form).before, ...keeping };
    case "subject":
      if (subject === "") throw unchosen;
      if ("commitment" in of) return { kind: "subject", ...of };
      return { ...(await wholeOf(subject, ports, open)), ...keeping };
  }
}

const unchosen = new Problem(
  400,
  "Nothing says which records.",
  "Go back, and fill in what you chose.",
);

function forms({ contract, tokenizer }: ConsolePorts, session: Session): Html {
  const ask = (capability: string, [title, button]: readonly [string, string], body: Html): Html =>
    postForm(
      { action: `/ask/${capability}`, session, labelledBy: `${capability}-heading` },
      html`<h2 id="${capability}-heading">${title}</h2>
        ${body} ${reasons(capability)}
        <p><button class="main">${button}</button></p>`,
    );
  const subject = `Subject (${contract.subject})`;
  return html`<p>
      Somebody else approves. They see your name, purpose, ticket and reasons; of a subject they see
      a hash, and compare it with the person whom the ticket names. How many records match is told
      once you have asked, which is audited.
    </p>
    <p>
      <a href="#unmask-heading">Open originals</a> · <a href="#erase-heading">Erase</a> ·
      <a href="#dossier-heading">A person's own dossier</a>
      ${tokenizer && html`· <a href="#lookup-heading">Look up a value</a>`}
    </p>
    ${ask(
      "unmask",
      ["Open originals", "Ask to open"],
      html`<fieldset>
          <legend>Fields of ${contract.name}</legend>
          ${maskedFields(contract).map(
            (name) =>
              html`<label><input type="checkbox" name="field" value="${name}" /> ${name}</label>`,
          )}
        </fieldset>
        ${chooser([
          ["subject", "Subject", html``],
          ["records", "Record ids", recordIds("records")],
          ["token", "Masked value", field("token", "Masked value, such as mk1.t1.…")],
          ["time", "Time of sending", html`${sent("from", "since")} ${sent("to", "before")}`],
        ])}
        <p class="chosen records token time">Of these, only a subject's, if you give one:</p>
        ${field("subject", subject)}
        ${choice("reveal", "Show", [
          ["full", "The whole value"],
          ["partial", "A part: an address's network (/24, /64), else the last four characters"],
        ])}`,
    )}
    ${ask(
      "erase",
      ["Erase", "Ask to erase"],
      html`<p>
          Seeds, sealed records and masked values go for good. The rows stay, without what was
          masked.
        </p>
        ${chooser([
          ["subject", "Subject", field("subject", subject, { id: "erase-subject" })],
          ["records", "Record ids", recordIds("erase-records")],
          [
            "before",
            "Day of sending",
            field("before", "Sent on a day before (UTC)", { type: "date" }),
          ],
        ])}
        <label><input type="checkbox" name="keep_tokens" /> Leave the masked values</label>`,
    )}
    ${ask(
      "dossier",
      ["A person's own dossier", "Ask for a dossier"],
      html`<p>
          What is held about somebody, and every access to it, as a signed file for that person.
        </p>
        ${field("subject", subject, { id: "of", required: "" })}`,
    )}
    ${
      tokenizer &&
      ask(
        "lookup",
        ["Look up a value", "Ask to look up"],
        html`<p>Finds the records of a value that you know; they stay masked.</p>
          ${select("field", "Field", { options: Object.keys(contract.tokenFields) })}
          ${field("value", "Value", { required: "", maxlength: 4_000 })}`,
      )
    }`;
}

/** What a way of choosing takes is out of sight until it is chosen. */
function chooser(ways: readonly (readonly [value: string, text: string, input: Html])[]): Html {
  const inputs = ways.map(([value, , input]) => html`<div class="chosen ${value}">${input}</div>`);
  return html`${choice("chosen", "Records chosen by", ways)} ${inputs}`;
}

function recordIds(id: string): Html {
  return field("records", "Record ids, one a line", { id, rows: 3 });
}

function sent(name: string, when: string): Html {
  return field(name, `Sent ${when} (UTC)`, { type: "datetime-local" });
}

export function reasons(form: string): Html {
  const given = (name: string, label: string, more: Readonly<Record<string, string | number>>) =>
    field(name, label, { id: `${form}-${name}`, required: "", ...more });
  return html`${given("purpose", "Purpose: a code, such as fraud or subject-request", {
    pattern: String.raw`[a-z0-9][a-z0-9_\-]{1,63}`,
    title: "Small letters, digits, - and _",
  })}
  ${given("ticket", "Ticket, such as SEC-4711", { maxlength: 128 })}
  ${given("justification", "Why; approvers read it. No personal data", { maxlength: 2_000, rows: 3 })}
  ${given("minutes", "For how many minutes, from now", { type: "number", min: 1, value: 60 })}`;
}
