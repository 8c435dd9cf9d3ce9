/** What the console does over the wire, whoever asks and however. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, nodeEnvironment } from "@org/local";
import type { RecoverKeyringJson } from "@org/recovery";
import { assert, asyncProperty, constantFrom, dictionary, oneof, string } from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pino } from "pino";
import { ask, askApproved, auditActions } from "../../recover/test/office.ts";
import { compose } from "../src/compose.ts";
import { readConfig } from "../src/config.ts";
import { type OpenConsole, openConsole, subOf } from "./open-console.ts";
import { openReceiver, type Receiver } from "./receiver.ts";
import { openVisit, type Visit } from "./visit.ts";

let opened: OpenConsole;
let consumer: Receiver;
let rita: Visit;

beforeAll(async () => {
  const text = 'maskline_build_info 1\nmaskline_messages_rejected_total{reason="<b>zqqz"} 1\n';
  consumer = await openReceiver((response) => response.end(text));
  const silent = consumer.url.href.replace("127.0.0.1", "127.0.0.9");
  opened = await openConsole({ env: { CONSOLE_CONSUMERS: `${consumer.url.href}, ${silent}` } });
  rita = await signedIn(opened.office.requester.login);
});

afterAll(async () => {
  await opened[Symbol.asyncDispose]();
  await consumer[Symbol.asyncDispose]();
});

async function signedIn(login: string): Promise<Visit> {
  const visit = openVisit(opened.origin);
  await visit.signIn(subOf(login));
  return visit;
}

/** Of what a console does by itself. */
const patience = { timeout: 30_000 };
const grant = "0190a0b0-7e1c-7c1e-8f6a-ffffffffffff";
const location = (response: Response): string | null => response.headers.get("location");

const request = {
  field: ["ip"],
  chosen: "records",
  reveal: "full",
  records: grant,
  purpose: "fraud",
  ticket: "SEC-1",
  justification: "A test",
  minutes: "60",
} as const;

test("who is not signed in is sent to the provider, and comes back to the grant they wanted", async () => {
  const visit = openVisit(opened.origin);
  expect(location(await visit.get(`/grants/${grant}`))).toBe(`/sign-in?grant=${grant}`);
  const back = await visit.signIn(subOf(opened.office.requester.login), grant);
  expect(location(back)).toBe(`/grants/${grant}`);
  expect(await (await visit.get("/")).text()).toContain(opened.office.requester.login);
});

test("nobody is led to another site by an address", async () => {
  const visit = openVisit(opened.origin);
  for (const to of ["https://evil.example", "//evil.example", `${grant}/../..//evil.example`]) {
    const page = await (await visit.get(`/sign-in?grant=${encodeURIComponent(to)}`)).text();
    expect(page).toContain('href="/sign-in/start"');
    expect(page).not.toContain("evil");
  }
});

test("a provider's answer counts once, in the browser that was sent there, unchanged", async () => {
  const sub = subOf(opened.office.requester.login);
  const mine = openVisit(opened.origin);
  const back = await mine.comeBack(sub);
  const answer = back.pathname + back.search;
  // Somebody else's browser: an answer that was planted signs nobody in.
  expect((await openVisit(opened.origin).get(answer)).status).toBe(403);
  const changed = new URL(back);
  changed.searchParams.set("state", "another");
  expect((await mine.get(changed.pathname + changed.search)).status).toBe(403);
  expect((await mine.get(answer)).status).toBe(403);
  expect(mine.cookies.has("session")).toBe(false);
});

test("signing in gives a new session, and signing out ends it", async () => {
  const visit = openVisit(opened.origin);
  visit.cookies.set("session", "chosen-by-somebody-else");
  const sub = subOf(opened.office.requester.login);
  await visit.signIn(sub);
  const first = visit.cookies.get("session") ?? "";
  expect(first).toMatch(/^[\w-]{43}$/);
  await visit.signIn(sub);
  const second = visit.cookies.get("session") ?? "";
  expect(second).not.toBe(first);
  expect((await visit.post("/sign-out")).status).toBe(200);
  for (const ended of [first, second]) {
    visit.cookies.set("session", ended);
    expect(location(await visit.get("/"))).toBe("/sign-in");
  }
});

test("the session's cookie is the browser's alone", async () => {
  const back = await openVisit(opened.origin).signIn(subOf(opened.office.requester.login));
  const cookie = back.headers.getSetCookie().find((line) => line.startsWith("session="));
  expect(cookie).toMatch(/; HttpOnly/);
  expect(cookie).toMatch(/; SameSite=Lax/);
  expect(cookie).toMatch(/; Path=\//);
  expect(cookie).not.toMatch(/Domain/i);
});

test("a stranger to the keyring is told what to do, and may do nothing", async () => {
  const stranger = openVisit(opened.origin);
  await stranger.signIn("stranger");
  const home = await stranger.get("/");
  expect(home.status).toBe(403);
  expect(await home.text()).toContain("&quot;sub&quot;: &quot;stranger&quot;");
  expect((await stranger.get("/people")).status).toBe(403);
});

test("who is taken out of the keyring may do nothing from then on", async () => {
  const { colleague } = opened.office;
  const visit = await signedIn(colleague.login);
  expect((await visit.get("/")).status).toBe(200);
  await opened.changeKeyring((keyring) => ({
    ...keyring,
    operators: keyring.operators.filter(({ login }) => login !== colleague.login),
  }));
  expect((await visit.get("/")).status).toBe(403);
});

test.each([
  ["without the form's token", { form_token: "" }, {}],
  ["with another session's token", { form_token: "A".repeat(43) }, {}],
  ["from another site", {}, { origin: "https://evil.example" }],
  ["from a page that hides its origin", {}, { origin: "null" }],
  ["from a site beside it", {}, { "sec-fetch-site": "same-site" }],
  ["as JSON", {}, { "content-type": "application/json" }],
])("nothing changes by a form %s", async (_, fields, headers) => {
  const answer = await rita.post("/ask/unmask", { ...request, ...fields }, headers);
  expect(answer.status).toBe(403);
  expect(await answer.text()).toContain("This did not come from a page of your session.");
});

test("a request is made as the person, through the console, and says how many match only then", async () => {
  const { office } = opened;
  const [record = ""] = await office.write([{}]);
  const asked = await rita.post("/ask/unmask", { ...request, records: record });
  expect(asked.status).toBe(303);
  const page = await (await rita.get(location(asked) ?? "")).text();
  expect(page).toContain("Covers       1 record(s)");
  const id = location(asked)?.split("/").at(-1) ?? "";
  const printed = await office.requester.recover(["list", "--grant", id]);
  // The terms are the text that recover prints, line by line.
  for (const line of printed.stdout.split("\n").slice(0, 10)) {
    expect(page).toContain(line.replaceAll('"', "&quot;"));
  }
  const [row] = await office.admin(
    "SELECT actor, detail::jsonb ->> 'through' AS through FROM recovery.audit WHERE action = 'requested' AND grant_id = $1",
    [id],
  );
  expect(row).toEqual({ actor: office.requester.login, through: opened.login });
});

test("what the database refuses is told with what to do next, and the value is not repeated", async () => {
  const answer = await rita.post("/ask/unmask", request);
  const page = await answer.text();
  expect(answer.status).toBe(404);
  expect(page).toContain("No record matches. (nothing_matches)");
  expect(page).not.toContain(grant);
});

test("a grant of somebody else's is none to a requester", async () => {
  const { office } = opened;
  const [record = ""] = await office.write([{}]);
  const theirs = await ask(office.colleague, ["unmask", "--field", "ip", "--record", record]);
  expect((await rita.get(`/grants/${theirs}`)).status).toBe(404);
});

test("nothing is approved or opened without a passkey, and nobody approves their own", async () => {
  const { office } = opened;
  const [record = ""] = await office.write([{}]);
  const asked = await rita.post("/ask/unmask", { ...request, records: record });
  const path = location(asked) ?? "";
  const adam = await signedIn(office.approver.login);
  const decision = { decision: "approve", assertion: "" };
  expect((await adam.post(`${path}/decide`, decision)).status).toBe(400);
  expect(await (await rita.post(`${path}/decide`, decision)).text()).toContain("wrong_duty");
  expect((await rita.post(`${path}/open`, { assertion: "{}", records: "" })).status).toBe(403);
  const actions = await office.admin("SELECT action FROM recovery.audit WHERE grant_id = $1", [
    path.split("/").at(-1),
  ]);
  expect(actions.map(({ action }) => action)).toEqual(["requested", "resolved"]);
});

test("only auditors read the audit", async () => {
  const refused = await rita.get("/audit");
  expect(refused.status).toBe(403);
  expect(await refused.text()).toContain("Your login may not do this.");
  const otto = await signedIn(opened.office.auditor.login);
  expect((await otto.get("/audit?action=requested")).status).toBe(200);
  expect((await otto.get("/audit?actor=nobody")).status).toBe(400);
});

test("another host's name that leads here is not answered", async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { host: "evil.example" };
    httpRequest(new URL("/", opened.origin), { headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on("error", reject)
      .end();
  });
  expect(status).toBe(421);
});

const paths = [
  "/",
  "/ask",
  "/ask/unmask",
  "/ask/lookup",
  "/ask/dossier",
  "/ask/erase",
  "/ask/quarantined",
  `/grants/${grant}`,
  `/grants/${grant}/open`,
  `/grants/${grant}/lookup`,
  `/grants/${grant}/dossier`,
  `/grants/${grant}/erase`,
  `/grants/${grant}/retry`,
  `/grants/${grant}/decide`,
  `/grants/${grant}/compare`,
  `/grants/${grant}/revoke`,
  "/grants/",
  "/grants/%ff",
  "/%",
  "/audit",
  "/audit/verify",
  "/people",
  "/passkey",
  "/quarantine",
  "/erasure",
  "/pipeline",
  "/sign-in",
  "/sign-in/start",
  "/signed-in",
  "/live",
  "/static/console.js",
] as const;

const names = [
  ...Object.keys(request),
  "decision",
  "assertion",
  "known",
  "what",
  "value",
  "subject",
  "token",
  "from",
  "to",
  "before",
  "keep_tokens",
  "record",
  "grant",
  "actor",
  "action",
  "code",
  "state",
];

/** Found again, wherever it comes out. */
const marked = string({ unit: "binary", maxLength: 40 }).map(
  (text) => `zq${text.replaceAll(/[^\P{C}\n\r\t\0]/gu, "")}qz`,
);

test("no request ends in a fault, is answered without the headers, or comes back in a page", async () => {
  const visits = [rita, openVisit(opened.origin), await signedIn(opened.office.auditor.login)];
  await assert(
    asyncProperty(
      constantFrom(...visits),
      constantFrom("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"),
      constantFrom(...paths),
      dictionary(
        constantFrom(...names),
        oneof(marked, constantFrom("ip", "records", "time", "approve", "subject", "{}", "1")),
      ),
      async (visit, method, path, fields) => {
        const query = new URLSearchParams(fields);
        const headers = { cookie: [...visit.cookies].map((each) => each.join("=")).join("; ") };
        const response =
          method === "POST"
            ? await visit.post(path, { ...request, ...fields })
            : await fetch(new URL(`${path}?${query}`, opened.origin), {
                method,
                headers,
                redirect: "manual",
              });
        const text = await response.text();
        expect(response.status).toBeLessThan(500);
        expect(response.headers.get("content-security-policy")).toMatch(/^default-src 'none'/);
        expect(response.headers.get("cache-control")).toBe("no-store");
        expect(response.headers.get("x-content-type-options")).toBe("nosniff");
        expect(response.headers.get("x-frame-options")).toBe("DENY");
        expect(response.headers.get("referrer-policy")).toBe("same-origin");
        // Both list what was asked for, with the purpose and the ticket that its requester named.
        expect(["/", "/audit"].includes(path) ? "" : text).not.toMatch(/zq.*qz/s);
        expect(location(response) ?? "").not.toMatch(/zq.*qz/s);
      },
    ),
    { numRuns: 250 },
  );
  expect(opened.logged()).not.toMatch(/zq|unexpected fault/);
});

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** As `pnpm --filter console start` runs it. */
function start(env: Readonly<Record<string, string>>) {
  const argv = ["--disable-sigusr1", "--conditions=@org/source", main];
  const child = spawn(process.execPath, argv, { env: { ...nodeEnvironment, ...env } });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  }
  const ended = once(child, "close").then(([code]: unknown[]) => ({ code, said }));
  return { child, ended, said: () => said };
}

test("what is missing is told at once, and ends with 2", async () => {
  const { code, said } = await start({}).ended;
  expect(code).toBe(2);
  for (const name of ["CONSOLE_ORIGIN", "CONSOLE_ISSUER", "RECOVER_KEYRING"]) {
    expect(said).toContain(`${name} is not set`);
  }
});

test.each([
  ["CONSOLE_ORIGIN", "http://console.example.com"],
  ["CONSOLE_WEBHOOK_URL", "http://hooks.example.com/T0"],
])("production takes no %s over http beyond this machine", async (name, url) => {
  const { code, said } = await start({
    ...opened.env,
    [name]: url,
    MASKLINE_PROFILE: "production",
    MASKLINE_ALLOW: "file_sink,inline_keys,plain_database,one_approval",
  }).ended;
  expect(code).toBe(2);
  expect(said).toContain("is reached over http");
  expect(said).not.toContain("T0");
});

test("a webhook is told what waits and what was approved, asked for here and by recover, by ids and a link", async () => {
  const { office } = opened;
  const [record = ""] = await office.write([{}]);
  const here = await rita.post("/ask/unmask", { ...request, records: record, ticket: "SEC-HERE" });
  const asked = location(here)?.split("/").at(-1) ?? "";
  const argv = ["unmask", "--field", "ip", "--record", record];
  const waits = await ask(office.requester, argv);
  const approved = await askApproved(office, office.requester, argv);
  const before = await auditActions(office);
  await using receiver = await openReceiver();
  const env = { ...opened.env, PORT: "0", CONSOLE_WEBHOOK_URL: receiver.url.href };
  const read = readConfig(env);
  if ("faults" in read) throw new Error(read.faults.join());
  await using service = await compose(read.config, { log: pino({ level: "silent" }) });
  await service.listen();
  const told = (): unknown => receiver.bodies.map((body): unknown => JSON.parse(body));
  for (const [grant, state] of [
    [asked, "pending"],
    [waits, "pending"],
    [approved, "live"],
  ]) {
    const link = `${opened.origin}/grants/${grant}`;
    await expect
      .poll(told, patience)
      .toContainEqual({ id: `${grant}.${state}`, grant, state, link });
  }
  const { requester, approver } = office;
  for (const text of [requester.login, approver.login, record, "SEC-", "fraud", "unmask"]) {
    expect(receiver.bodies.join("")).not.toContain(text);
  }
  expect(await auditActions(office)).toEqual(before);
});

const pipelinePage = async (): Promise<string> => (await rita.get("/pipeline")).text();

test("the pipeline is what consumers say, without a word of theirs, and names who says nothing", async () => {
  await expect
    .poll(pipelinePage, patience)
    .toContain(`No answer from <code>http://127.0.0.9:${consumer.url.port}/`);
  expect(await pipelinePage()).toMatch(/Consumers that answer<\/td>\s*<td>1<\/td>/);
  expect(await pipelinePage()).toContain('href="/pipeline"');
  expect(await pipelinePage()).not.toContain("zqqz");
});

test.each([
  ["CONSOLE_CONSUMERS", "http://one:8080/metrics, consumer:8080"],
  ["CONSOLE_CONSUMERS", "http://rita:secret@one:8080/metrics"],
  ["CONSOLE_WEBHOOK_URL", "https://rita:secret@hooks.example.com"],
])("%s is no %s, and that is told without it", (name, value) => {
  const read = readConfig({ ...opened.env, [name]: value });
  expect(read).toEqual({ faults: [expect.stringMatching(`^${name} is not usable: `)] });
  expect(JSON.stringify(read)).not.toMatch(/secret|one:8080/);
});

test("production takes no provider whose certificate Node is told not to check", async () => {
  const { code, said } = await start({
    ...opened.env,
    NODE_TLS_REJECT_UNAUTHORIZED: "0",
    MASKLINE_PROFILE: "production",
    MASKLINE_ALLOW: "file_sink,inline_keys,plain_database,logged_parameters",
  }).ended;
  expect(code).toBe(2);
  expect(said).toContain("certificates are not checked");
});

test("production runs no contract that others may write", async () => {
  const contract = join(opened.office.directory, "contract.ts");
  await writeFile(contract, "process.exit(7);\n");
  await chmod(contract, 0o666);
  const { code, said } = await start({
    ...opened.env,
    MASKLINE_CONTRACT: contract,
    MASKLINE_PROFILE: "production",
    MASKLINE_ALLOW: "file_sink,inline_keys,plain_database,logged_parameters",
  }).ended;
  expect(code).toBe(2);
  expect(said).toContain("others may write the contract's file");
});

test("who signs checkpoints without the duty does not start", async () => {
  const key = opened.office.approver.env["RECOVER_SIGNING_KEY"] ?? "";
  const { code, said } = await start({ ...opened.env, RECOVER_SIGNING_KEY: key }).ended;
  expect(code).toBe(2);
  expect(said).toContain("wrong_duty");
});

test("it answers, and ends with 0 when it is told to", async () => {
  const port = await freePort();
  const { child, ended, said } = start({ ...opened.env, PORT: String(port) });
  await expect.poll(said, { timeout: 40_000 }).toContain("listening");
  const live = await fetch(`http://127.0.0.1:${port}/live`);
  expect([live.status, await live.text()]).toEqual([200, "live\n"]);
  child.kill("SIGTERM");
  expect((await ended).code).toBe(0);
});

test("a recover keyring that cannot be used lets nobody do anything, and names no path to them", async () => {
  let before: unknown = null;
  await opened.changeKeyring((keyring) => {
    before = keyring;
    return { ...keyring, deployment: "" };
  });
  const refused = await rita.get("/");
  await opened.changeKeyring(() => before as RecoverKeyringJson);
  expect(refused.status).toBe(503);
  expect(await refused.text()).not.toContain(opened.office.directory);
  expect((await rita.get("/")).status).toBe(200);
});

test("who asks too often waits, by session and by address", async () => {
  await using bounded = await openConsole({
    limits: { perSession: 3, perAddress: 20, eraseBatches: 1 },
  });
  const visit = openVisit(bounded.origin);
  await visit.signIn(subOf(bounded.office.requester.login));
  const answers = [];
  for (const _ of [1, 2, 3, 4]) answers.push((await visit.get("/people")).status);
  expect(answers.slice(-2)).toEqual([429, 429]);
  expect(answers[0]).toBe(200);
  const stranger = openVisit(bounded.origin);
  let refused = false;
  for (let asked = 0; asked < 25 && !refused; asked += 1) {
    const answer = await stranger.get("/sign-in");
    refused = answer.status === 429 && answer.headers.get("retry-after") === "60";
  }
  expect(refused).toBe(true);
});
