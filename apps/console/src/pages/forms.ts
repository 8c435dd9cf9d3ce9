/** What pages are made of: forms, their fields, what went wrong. */

import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from "@simplewebauthn/server";
import { html } from "hono/html";
import type { Session } from "../sign-in/sessions.ts";

export type Html = ReturnType<typeof html>;

/** What went wrong, and what to do next; nothing of null. */
export function alert(
  said: { readonly message: string; readonly advice: string } | null,
): Html | null {
  return (
    said &&
    html`<p role="alert">${said.message}</p>
      <p>${said.advice}</p>`
  );
}

/** As the tool prints it. */
export function textBlock(lines: readonly string[]): Html {
  return html`<pre tabindex="0">${lines.join("\n")}</pre>`;
}

export interface PostForm {
  readonly action: string;
  readonly session: Session;
  /** The id of its heading, where a page has several. */
  readonly labelledBy?: string;
  /** The form goes once a passkey has answered this, or was made by it: options of `navigator.credentials`. */
  readonly passkey?:
    | { readonly get: PublicKeyCredentialRequestOptionsJSON }
    | { readonly create: PublicKeyCredentialCreationOptionsJSON };
  /** It goes by itself. */
  readonly goesOn?: boolean;
  /** Of what a key signs once the form came back with it; whoever sends it has it before them. */
  readonly digest?: string;
}

export function postForm(form: PostForm, body: Html): Html {
  const { action, session, labelledBy, passkey, goesOn, digest } = form;
  const more = attributes({
    ...(labelledBy !== undefined && { "aria-labelledby": labelledBy }),
    ...(passkey && { "data-passkey": JSON.stringify(passkey) }),
    ...(goesOn && { "data-goes-on": "" }),
  });
  return html`<form method="post" action="${action}" ${more}>
    <input type="hidden" name="form_token" value="${session.formToken}" />
    ${passkey && html`<input type="hidden" name="assertion" />`}
    ${
      digest &&
      html`<label
        ><input type="checkbox" name="assertion" value="${digest}" required /> I have read this; my
        key signs <code>${digest}</code></label
      >`
    }
    ${body} ${passkey && html`<p role="alert" hidden></p>`}
  </form>`;
}

type Attributes = Readonly<Record<string, string | number>>;

function attributes(named: Attributes): Html[] {
  return Object.entries(named).map(([name, value]) => html` ${name}="${value}"`);
}

/** With a label; no browser keeps what stands in it. One that has `rows` has lines. */
export function field(name: string, label: string, { id = name, ...more }: Attributes = {}): Html {
  const all = attributes({ id, name, autocomplete: "off", spellcheck: "false", ...more });
  return html`<label for="${id}">${label}</label>
    ${"rows" in more ? html`<textarea ${all}></textarea>` : html`<input ${all} />`}`;
}

export type Option = readonly [value: string, text: string, ...unknown[]];

/** One of these, the first unless another is chosen; "" is any. */
export function select(
  name: string,
  label: string,
  { options, chosen }: { readonly options: readonly (string | Option)[]; readonly chosen?: string },
): Html {
  const pairs = options.map((one) => (typeof one === "string" ? [one, one || "any"] : one));
  return html`<label for="${name}">${label}</label>
    <select id="${name}" name="${name}">
      ${pairs.map(
        ([value, text]) =>
          html`<option value="${value}" ${value === chosen ? "selected" : ""}>${text}</option>`,
      )}
    </select>`;
}

/** The same, with all of them in view. */
export function choice(name: string, legend: string, options: readonly Option[]): Html {
  return html`<fieldset>
    <legend>${legend}</legend>
    ${options.map(
      ([value, text], index) =>
        html`<label
          ><input type="radio" name="${name}" value="${value}" ${index === 0 ? "checked" : ""} />
          ${text}</label
        >`,
    )}
  </fieldset>`;
}
