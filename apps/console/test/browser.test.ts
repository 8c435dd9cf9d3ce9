/** The console as people use it: a real browser, passkeys, by the keyboard, read aloud, on a phone. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { PasskeyJson } from "@org/recovery";
import { login } from "@org/schema";
import { createPipeline, scrapesAnHour } from "@org/scrape";
import axe from "axe-core";
import { Hono } from "hono";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { headers } from "../src/guard.ts";
import { servePipeline } from "../src/pages/pipeline.ts";
import type { App, ConsolePorts, Env, SignedIn } from "../src/ports.ts";
import { ask as askByTool, why } from "../../recover/test/office.ts";
import { openBrowser, visit, type Visitor } from "./browser.ts";
import { openReceiver, type Receiver } from "./receiver.ts";
import { type OpenConsole, openConsole, subOf } from "./open-console.ts";

const { browser, reason } = await openBrowser();
/** Pictures for the docs, only when somebody asks: tests leave the tree as it is. */
const pictures = process.env["CONSOLE_PICTURES"];

describe.skipIf(reason !== null)(
  `in Chromium${reason === null ? "" : ` (skipped: ${reason})`}`,
  () => {
    let opened: OpenConsole;
    let rita: Visitor;
    let adam: Visitor;
    let otto: Visitor;
    let cleo: Visitor;
    let consumer: Receiver;
    const secret = { ip: "203.0.113.77", device_id: "device-of-ada" };
    // Null only where all of this is skipped.
    const running = browser as Browser;
    /** Whatever a person's browser was shown: addresses and titles. */
    const seen: string[] = [];

    beforeAll(async () => {
      consumer = await openReceiver((response) => response.end("maskline_lag_seconds 2\n"));
      opened = await openConsole({ env: { CONSOLE_CONSUMERS: consumer.url.href } });
      const { requester, approver, auditor, custodian } = opened.office;
      // Rita may approve too: just not her own.
      await opened.office.admin(`GRANT maskline_approver TO ${requester.login}`);
      await opened.changeKeyring((keyring) => ({
        ...keyring,
        operators: keyring.operators.map((operator) =>
          operator.login === requester.login
            ? { ...operator, duties: ["request", "approve", "witness"] }
            : operator,
        ),
      }));
      rita = await arrive(requester.login);
      adam = await arrive(approver.login);
      cleo = await arrive(custodian.login);
      otto = await arrive(auditor.login, {
        colorScheme: "dark",
        viewport: { width: 360, height: 740 },
      });
    });

    afterAll(async () => {
      await running.close();
      await opened[Symbol.asyncDispose]();
      await consumer[Symbol.asyncDispose]();
    });

    async function arrive(login: string, options: Parameters<Browser["newContext"]>[0] = {}) {
      const visitor = await visit(running, options);
      const { page } = visitor;
      page.on("framenavigated", (frame) => void seen.push(frame.url()));
      page.on("pageerror", (error) => void seen.push(`fault ${error.name}`));
      page.on("console", (message) => void seen.push(`console ${message.text()}`));
      await page.goto(opened.origin);
      await page.getByRole("link", { name: "Sign in" }).click();
      await page.getByRole("button", { name: subOf(login), exact: true }).click();
      await page.getByRole("heading", { name: "What waits for you" }).waitFor();
      return visitor;
    }

    async function makePasskey({ page }: Visitor): Promise<PasskeyJson> {
      await page.goto(`${opened.origin}/passkey`);
      await page.getByRole("button", { name: "Make a passkey" }).click();
      await page.getByRole("heading", { name: "An entry for review" }).waitFor();
      return JSON.parse(await page.locator("pre").innerText()) as PasskeyJson;
    }

    /** What a screen reader's user would stumble over; and a picture, if one is wanted. */
    async function look(page: Page, name: string): Promise<void> {
      seen.push(await page.title());
      if (pictures !== undefined) {
        await mkdir(pictures, { recursive: true });
        await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
      }
      const width = page.viewportSize() ?? { width: 1280, height: 720 };
      await page.setViewportSize({ width: 320, height: 640 });
      await page.emulateMedia({ colorScheme: "light" });
      await page.evaluate(axe.source);
      expect(await faultsOf(page), `${name}, on a phone`).toEqual([]);
      await page.emulateMedia({ colorScheme: "dark" });
      expect(await faultsOf(page, "color-contrast"), `${name}, in the dark`).toEqual([]);
      const { scrollWidth, clientWidth } = await page.evaluate<Record<string, number>>(
        "(({ scrollWidth, clientWidth }) => ({ scrollWidth, clientWidth }))(document.documentElement)",
      );
      const isWide = Number(scrollWidth) > Number(clientWidth);
      expect(isWide, `${name} scrolls sideways`).toBe(false);
      await page.setViewportSize(width);
    }

    async function goTo({ page }: Visitor, path: string): Promise<Page> {
      await page.goto(opened.origin + path);
      return page;
    }

    test("asks, approves and opens by keyboard alone, and the audit is whole", async () => {
      const { office } = opened;
      const { requester, approver } = office;
      const [record = ""] = await office.write([secret]);
      await look(rita.page, "home");
      expect(await rita.page.locator("main").innerText()).toContain("has no passkey of yours");

      const ask = await goTo(rita, "/ask");
      await look(ask, "ask");
      await press(ask, "ip", "Space");
      await press(ask, "device_id", "Space");
      await press(ask, "Subject", "ArrowDown");
      await type(ask, "Record ids, one a line", record);
      await type(ask, "Purpose", "fraud");
      await type(ask, "Ticket", "SEC-4711");
      await type(ask, "Why; approvers read it", "Account takeover, see the ticket");
      await press(ask, "Ask to open");
      await ask.getByRole("heading", { name: /^Grant / }).waitFor();
      const grant = new URL(ask.url()).pathname;

      // Enrolling enrols nobody: the entry is for whoever keeps the keyring.
      const entry = await makePasskey(adam);
      const before = await goTo(adam, grant);
      expect(await before.locator("main").innerText()).toContain("has no passkey of yours");
      await opened.enrol(approver.login, entry);
      await opened.enrol(requester.login, await makePasskey(rita));

      const approving = await goTo(adam, grant);
      await look(approving, "approve");
      const row = await office.admin(`SELECT user_id FROM user_logins WHERE record_id = $1`, [
        record,
      ]);
      await type(approving, "It is", String(row[0]?.["user_id"]));
      await press(approving, "Compare");
      await approving.getByText("The request names no subject; 1 of its 1 record(s)").waitFor();
      await press(approving, "Approve with a passkey");
      await approving
        .getByText("You have decided")
        .or(approving.getByText("(live)"))
        .first()
        .waitFor();

      const opening = await goTo(rita, grant);
      await look(opening, "open");
      await opening.clock.install();
      await press(opening, "Open with a passkey");
      await opening.getByRole("heading", { name: "Opened" }).waitFor();
      await look(opening, "opened");
      expect(await opening.locator("main").innerText()).not.toContain(secret.ip);
      await press(opening, "Show ip");
      expect(await opening.locator("main").innerText()).toContain(secret.ip);
      await opening.clock.fastForward(60_000);
      await opening.getByText("The values are gone.").waitFor();
      expect(await opening.content()).not.toContain(secret.ip);
      await opening.goBack();
      await opening.getByRole("heading", { name: /^Grant / }).waitFor();
      expect(await opening.content()).not.toContain(secret.device_id);

      const audit = await goTo(otto, "/audit");
      await look(audit, "audit");
      await press(audit, "Verify the audit");
      await audit.getByRole("heading", { name: "The audit is whole" }).waitFor();
      await look(audit, "audit-verified");
    }, 180_000);

    async function approve(path: string): Promise<void> {
      const page = await goTo(adam, path);
      await page.getByRole("button", { name: "Approve with a passkey" }).click();
      await page.getByText("(live)").waitFor();
    }

    test("asks for an erasure and does it, step by step, and the page says what became of it", async () => {
      const { office } = opened;
      const records = await office.write([{ user_id: "ada" }, { user_id: "ada" }]);
      await opened.enrol(office.custodian.login, await makePasskey(cleo));
      const ask = await goTo(cleo, "/ask");
      const form = ask.locator("form", { hasText: "Ask to erase" });
      await form.getByLabel("Subject (user_id)").fill("ada");
      await form.getByLabel("Purpose").fill("subject-request");
      await form.getByLabel("Ticket").fill("GDPR-12");
      await form.getByLabel("Why; approvers read it").fill("Erasure request of 3 May");
      await form.getByRole("button", { name: "Ask to erase" }).click();
      await ask.getByRole("heading", { name: /^Grant / }).waitFor();
      const grant = new URL(ask.url()).pathname;
      await approve(grant);
      const page = await goTo(cleo, grant);
      await page.getByLabel("The subject that was approved").fill("ada");
      await look(page, "erase");
      await page.getByRole("button", { name: "Erase with a passkey" }).click();
      await page.getByRole("heading", { name: "Erased" }).waitFor();
      await page.getByText("Erased 2 record(s), 2 of them with a seed.").waitFor();
      await look(page, "erased");
      const seeds = await office.admin("SELECT FROM maskline.seed WHERE record_id = ANY ($1)", [
        records,
      ]);
      expect(seeds).toEqual([]);
      await look(await goTo(cleo, `/erasure?record=${records[0]}`), "erasure");
      await look(await goTo(cleo, grant), "grant");
    }, 60_000);

    test("opens the body of a quarantined message: hidden until pressed, gone after a minute", async () => {
      const [record = ""] = await opened.office.quarantine([
        `{"device_id": "${secret.device_id}"}`,
      ]);
      const list = await goTo(rita, "/quarantine");
      await list.getByLabel(record).check();
      await list.getByLabel("Purpose").fill("support");
      await list.getByLabel("Ticket").fill("OPS-12");
      await list.getByLabel("Why; approvers read it").fill("A producer sends a new shape");
      await list.getByRole("button", { name: "Ask" }).click();
      await list.getByRole("heading", { name: /^Grant / }).waitFor();
      const grant = new URL(list.url()).pathname;
      await approve(grant);
      const page = await goTo(rita, grant);
      await page.clock.install();
      await page.getByRole("button", { name: "Open with a passkey" }).click();
      await page.getByRole("heading", { name: "Opened" }).waitFor();
      const shown = async (): Promise<string> => page.locator("main").innerText();
      expect(await shown()).not.toContain(secret.device_id);
      await page.getByRole("button", { name: "Show body" }).click();
      expect(await shown()).toContain(secret.device_id);
      await look(page, "body");
      await page.clock.fastForward(60_000);
      await page.getByText("The values are gone.").waitFor();
      expect(await page.content()).not.toContain(secret.device_id);
    }, 60_000);

    test("a form without what was chosen stays, with what was typed", async () => {
      const page = await goTo(rita, "/ask");
      await type(page, "Purpose", "fraud");
      await type(page, "Ticket", "SEC-4711");
      await type(page, "Why; approvers read it", "Account takeover, see the ticket");
      const missing = () => page.evaluate<string>("document.activeElement.name");
      await press(page, "Ask to open");
      expect(await missing()).toBe("field");
      await page.keyboard.press("Space");
      await press(page, "Ask to open");
      expect(await missing()).toBe("subject");
      await page.getByRole("radio", { name: "Time of sending" }).first().check();
      await press(page, "Ask to open");
      expect(await missing()).toBe("from");
      expect(await page.getByLabel("Ticket").first().inputValue()).toBe("SEC-4711");
    });

    test("says in plain words what is wrong with the audit", async () => {
      const { office } = opened;
      const change = (from: string, to: string) =>
        office.admin("UPDATE recovery.audit SET actor = $2 WHERE seq = 1 AND actor = $1", [
          from,
          to,
        ]);
      await change(office.requester.login, "nobody");
      const page = await goTo(otto, "/audit");
      await page.getByRole("button", { name: "Verify the audit" }).click();
      expect(await alertOf(page)).toBe("A row is not what was hashed. First bad row: 1. (edited)");
      await change("nobody", office.requester.login);
    });

    async function askedFor(record: string): Promise<string> {
      const { requester } = opened.office;
      const fields = ["unmask", "--field", "ip", "device_id", "--record", record];
      return `/grants/${await askByTool(requester, fields)}`;
    }

    test("nobody approves their own request, however it is sent", async () => {
      const [record = ""] = await opened.office.write([{}]);
      const path = await askedFor(record);
      const page = await goTo(rita, path);
      expect(await page.getByRole("button", { name: /Approve/ }).count()).toBe(0);
      const answer = await send(rita, `${path}/decide`, { decision: "approve", assertion: "{}" });
      expect(answer.status()).toBe(403);
      expect(await answer.text()).toContain("self_approval");
    });

    /** With the cookies and the form's token of the page that is open, as a script of one's own would. */
    async function send({ page, context }: Visitor, path: string, form: Record<string, string>) {
      const form_token = await page.locator("[name=form_token]").first().inputValue();
      const headers = { origin: opened.origin };
      return context.request.post(opened.origin + path, { form: { form_token, ...form }, headers });
    }

    test("terms that change between page and passkey are not approved", async () => {
      const { office } = opened;
      const [record = ""] = await office.write([{}]);
      const path = await askedFor(record);
      const page = await goTo(adam, path);
      await office.admin("UPDATE recovery.access_grant SET ticket = 'SEC-9' WHERE id = $1", [
        path.split("/").at(-1),
      ]);
      await page.getByRole("button", { name: "Approve with a passkey" }).click();
      expect(await alertOf(page)).toContain("signed something else than what stands here");
    });

    test("terms that a changed database shows differently after it are refused by recover, offline", async () => {
      const { office } = opened;
      const [record = ""] = await office.write([{}]);
      const path = await askedFor(record);
      const id = path.split("/").at(-1) ?? "";
      const page = await goTo(adam, path);
      await page.getByRole("button", { name: "Approve with a passkey" }).click();
      await page.getByText("(live)").waitFor();
      const change = "UPDATE recovery.access_grant SET justification = $2 WHERE id = $1";
      await office.admin(change, [id, "Another reason"]);
      const refused = await office.requester.recover(["unmask", "--grant", id, "--print"]);
      expect(refused).toMatchObject({
        code: 3,
        stderr: expect.stringContaining("forged_approval"),
      });
      const shown = await goTo(rita, path);
      expect(await alertOf(shown)).toContain("forged_approval");
      expect(await shown.getByRole("button", { name: /Open/ }).count()).toBe(0);
      await office.admin(change, [id, why.at(-1)]);
      const opens = await office.requester.recover(["unmask", "--grant", id, "--print"]);
      expect(opens).toMatchObject({ code: 0 });
    });

    test("an answer of a passkey opens once", async () => {
      const [record = ""] = await opened.office.write([secret]);
      const path = await askedFor(record);
      const deciding = await goTo(adam, path);
      await deciding.getByRole("button", { name: "Approve with a passkey" }).click();
      await deciding.getByText("(live)").waitFor();
      const page = await goTo(rita, path);
      const sent = page.waitForRequest((request) => request.url().endsWith("/open"));
      await page.getByRole("button", { name: "Open with a passkey" }).click();
      await page.getByRole("heading", { name: "Opened" }).waitFor();
      const form = Object.fromEntries(new URLSearchParams((await sent).postData() ?? ""));
      await goTo(rita, path);
      const again = await send(rita, `${path}/open`, form);
      expect(again.status()).toBe(403);
      expect(await again.text()).toContain("signed something else");
    });

    test("every other page is for everybody", async () => {
      expect.hasAssertions();
      await opened.office.quarantine(["{}", "no JSON"]);
      for (const [visitor, path, name] of [
        [otto, "/people", "people"],
        [otto, "/passkey", "passkey"],
        [otto, "/quarantine", "quarantine"],
        [rita, "/audit", "problem"],
      ] as const) {
        await look(await goTo(visitor, path), name);
      }
      const stranger = await visit(running);
      await stranger.page.goto(`${opened.origin}/sign-in`);
      await look(stranger.page, "sign-in");
    });

    test("the pipeline is reached and read by keyboard, and shows an hour", async () => {
      const { page } = rita;
      await goTo(rita, "/");
      await press(page, "Pipeline");
      await page.getByRole("heading", { name: "Pipeline" }).waitFor();
      await tabTo(page, "All consumers together");
      await expect
        .poll(async () => (await goTo(rita, "/pipeline")).locator("main").innerText(), {
          timeout: 30_000,
        })
        .toMatch(/Lag in seconds\s+2\s/);
      const answer = await pageOfAnHour(opened.origin);
      const body = await answer.text();
      const head = { headers: Object.fromEntries(answer.headers) };
      await page.route("**/pipeline", (route) => route.fulfill({ ...head, body }));
      await look(await goTo(rita, "/pipeline"), "pipeline");
      await page.unroute("**/pipeline");
    });

    test("no value stands in an address, a title or a log, and no page breaks its own policy", () => {
      for (const text of [seen.join("\n"), opened.logged()]) {
        for (const value of Object.values(secret)) expect(text).not.toContain(value);
      }
      const said = seen.filter((each) => /^(console|fault)/.test(each));
      // What Chromium says of every answer that is a refusal, and of passkeys by ES256 alone.
      const known = /status of 40[03]|pubKeyCredParams is missing/;
      expect(said.filter((each) => !known.test(each))).toEqual([]);
    });
  },
);

/** As the console answers it after an hour in which Postgres was away for ten minutes. */
async function pageOfAnHour(origin: string): Promise<Response> {
  const pipeline = createPipeline([], login);
  const told: Readonly<Record<string, (at: number) => number | null>> = {
    "Consumers that answer": (at) => (at < 20 ? null : 2),
    "Written a second": (at) => (isAway(at) ? 0 : 180 + 40 * Math.sin(at / 9) + 9 * (at % 5)),
    "Lag in seconds": (at) => (isAway(at) ? 15 * (at - 100) : 1 + (at % 3)),
    "Queue depth": (at) => (isAway(at) ? 2_700 * (at - 100) : 40 + 7 * (at % 11)),
    "Messages in flight": (at) => (isAway(at) ? 4_000 : 300 + 20 * (at % 7)),
    "Breakers open": (at) => (isAway(at) ? 2 : 0),
    "Dead letters": (at) => (at < 180 ? 0 : 1),
    "Refused by Postgres a second": () => 0,
    "Rejected a second": (at) => (at % 40 === 0 ? 0.4 : 0),
    "Rejected a second: not_json": (at) => (at % 40 === 0 ? 0.4 : 0),
    "Rejected a second: ip_invalid": () => 0,
  };
  pipeline.hour = Array.from({ length: scrapesAnHour }, (_, at) =>
    pipeline.figures.map(({ name }) => told[name]?.(at) ?? null),
  );
  pipeline.silent = ["http://10.0.0.7:8080/metrics"];
  const app: App = new Hono<Env>();
  const signedIn = { session: {}, person: { login: "otto" }, hides: [] } as object as SignedIn;
  app.use(...headers(new URL(origin)), async (c, next) => {
    c.set("signedIn", signedIn);
    await next();
  });
  servePipeline(app, { pipeline } as ConsolePorts);
  return app.request("/pipeline");
}

function isAway(at: number): boolean {
  return at >= 100 && at < 140;
}

/** Presses Tab until this is in focus: what cannot be reached so, cannot be used so. */
async function tabTo(page: Page, name: string): Promise<void> {
  const met: string[] = [];
  while (met.length < 60) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate<string>(
      "((e) => (e.labels?.[0] ?? e).textContent.trim())(document.activeElement)",
    );
    if (focused.startsWith(name)) return;
    met.push(focused);
  }
  throw new Error(`The keyboard does not reach "${name}" past: ${met.join(" | ")}`);
}

async function alertOf(page: Page): Promise<string> {
  const alert = page.locator("main [role=alert]:not([hidden])").first();
  await alert.waitFor();
  return alert.innerText();
}

async function type(page: Page, name: string, text: string): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.type(text);
}

async function press(page: Page, name: string, key = "Enter"): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.press(key);
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
  }[];
}

/** @param rules - Default all. */
async function faultsOf(page: Page, ...rules: readonly string[]): Promise<string[]> {
  const options = JSON.stringify(rules.length > 0 ? { runOnly: rules } : {});
  const { violations } = await page.evaluate<AxeResult>(`axe.run(${options})`);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}
