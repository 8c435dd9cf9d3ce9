/** `recover console`: the pages as oneself, against the real command. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { nodeEnvironment } from "@org/local";
import type { OperatorJson, RecoverKeyringJson } from "@org/recovery";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openVisit, type Visit } from "../../console/test/visit.ts";
import { ask, auditActions, type Office, openOffice, type Person } from "./office.ts";
import { runRecover } from "./run-recover.ts";

interface Running {
  readonly child: ChildProcess;
  readonly visit: Visit;
  readonly origin: string;
  /** The newest that it printed. */
  readonly address: () => Promise<URL>;
}

let office: Office;
let rita: Running;
let adam: Running;
const started: ChildProcess[] = [];

beforeAll(async () => {
  office = await openOffice();
  const { RECOVER_PRIVATE_KEYRING: _, MASKLINE_KEYRING: __, ...approver } = office.approver.env;
  await changeKeys(office.approver, { duties: ["approve"] });
  [rita, adam] = await Promise.all([start(office.requester.env), start(approver)]);
});

afterAll(async () => {
  for (const child of started) child.kill("SIGKILL");
  await office[Symbol.asyncDispose]();
});

const keyringPath = (): string => join(office.directory, "maskline.recover.keyring.json");

/** Under review, as it were; resolves with what stood there before. */
async function changeKeys(
  { login }: Person,
  entry: Partial<OperatorJson>,
  state: "active" | "retired" = "active",
): Promise<string> {
  const text = await readFile(keyringPath(), "utf8");
  const keyring = JSON.parse(text) as RecoverKeyringJson;
  const operators = keyring.operators.map((operator) =>
    operator.login === login
      ? { ...operator, ...entry, keys: operator.keys.map((key) => ({ ...key, state })) }
      : operator,
  );
  await writeFile(keyringPath(), JSON.stringify({ ...keyring, operators }));
  return text;
}

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const probe = new URL("heap-probe.ts", import.meta.url).href;

/** Signed in by the first address. */
async function start(env: Person["env"]): Promise<Running> {
  const probed = ["--expose-gc", "--import", probe];
  const argv = ["--disable-sigusr1", "--conditions=@org/source", ...probed, main, "console"];
  const child = spawn(process.execPath, argv, {
    env: { ...nodeEnvironment, ...env },
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  started.push(child);
  const lines = createInterface({ input: child.stdout ?? Readable.from([]) })[
    Symbol.asyncIterator
  ]();
  const address = async (): Promise<URL> => {
    const { value } = await lines.next();
    return new URL(/http:\S+/.exec(String(value))?.[0] ?? "");
  };
  const first = await address();
  const visit = openVisit(first.origin);
  await visit.arrive(first);
  return { child, visit, origin: first.origin, address };
}

const secret = { ip: "203.0.113.77" };
let grant: string;

beforeEach(async () => {
  const [record = ""] = await office.write([secret]);
  grant = await ask(office.requester, ["unmask", "--field", "ip", "--record", record]);
});

/** What the page has one tick before this button, and by which form. */
async function digestOf({ visit }: Running, button: string): Promise<string> {
  const page = await (await visit.get(`/grants/${grant}`)).text();
  const form = page.split("<form").find((each) => each.includes(button)) ?? "";
  return /name="assertion" value="([0-9a-f]{64})"/.exec(form)?.[1] ?? "";
}

async function approve(digest?: string): Promise<Response> {
  const assertion = digest ?? (await digestOf(adam, "Approve with your key"));
  return adam.visit.post(`/grants/${grant}/decide`, { decision: "approve", assertion });
}

async function open(assertion?: string): Promise<Response> {
  const ticked = assertion ?? (await digestOf(rita, "Open with your key"));
  return rita.visit.post(`/grants/${grant}/open`, { assertion: ticked, records: "" });
}

const actions = async (): Promise<unknown[]> => {
  const rows = await office.admin(
    "SELECT actor, action, detail::jsonb -> 'through' AS through FROM recovery.audit WHERE grant_id = $1 ORDER BY seq",
    [grant],
  );
  return rows.map(({ actor, action, through }) => [actor, action, through]);
};

test("one approves, without any keyring, and another opens, each by their own key, as themselves, and it is verified", async () => {
  expect((await approve()).status).toBe(303);
  const opened = await open();
  expect(await opened.text()).toContain(secret.ip);
  const { login: requester } = office.requester;
  expect(await actions()).toEqual([
    [requester, "requested", null],
    [requester, "resolved", null],
    [office.approver.login, "approved", null],
    [requester, "intent", null],
    [requester, "result", null],
  ]);
  expect(await office.auditor.recover(["audit", "verify"])).toMatchObject({ code: 0 });
});

test("what was ticked is signed only for the terms that stand there, once, and for what it says", async () => {
  const shown = await digestOf(adam, "Approve with your key");
  const listed = await office.approver.recover(["list", "--grant", grant]);
  expect(listed.stdout).toContain(`${shown} (to approve)`);
  for (const other of ["", "0".repeat(64), await digestOf(adam, "Deny with your key")]) {
    expect((await approve(other)).status).toBe(403);
  }
  await office.admin("UPDATE recovery.access_grant SET ticket = 'SEC-2' WHERE id = $1", [grant]);
  expect((await approve(shown)).status).toBe(403);
  await office.admin("UPDATE recovery.access_grant SET ticket = 'SEC-1' WHERE id = $1", [grant]);
  expect((await approve(shown)).status).toBe(303);

  const ticked = await digestOf(rita, "Open with your key");
  expect((await open("")).status).toBe(403);
  // A press that failed is over too.
  expect((await open(ticked)).status).toBe(403);
  const again = await digestOf(rita, "Open with your key");
  expect((await open(again)).status).toBe(200);
  expect((await open(again)).status).toBe(403);
});

test("an address opens one session, once; whoever looks at where it leads does not use it up", async () => {
  const address = await adam.address();
  expect((await fetch(address, { method: "HEAD" })).status).toBe(403);
  const other = openVisit(adam.origin);
  expect((await other.get("/")).headers.get("location")).toBe("/sign-in");
  expect((await other.arrive(address)).status).toBe(303);
  expect(await (await other.get("/")).text()).toContain(office.approver.login);
  const late = await openVisit(adam.origin).get(address.pathname);
  expect(late.status).toBe(403);
  expect(await late.text()).toContain("recover console");
  const ended = await other.post("/sign-out");
  expect(await ended.text()).toContain("The terminal has an address for another.");
  expect((await other.get("/")).status).toBe(302);
});

test("it listens on 127.0.0.1 alone, and answers by no other name", async () => {
  const { port } = new URL(rita.origin);
  const status = await new Promise((resolve, reject) => {
    const headers = { host: `evil.example:${port}` };
    const asked = httpRequest(`${rita.origin}/`, { headers }, ({ statusCode }) =>
      resolve(statusCode),
    );
    asked.on("error", reject).end();
  });
  expect(status).toBe(421);
  const elsewhere = connect(Number(port), "127.0.0.2");
  const [error] = (await once(elsewhere, "error")) as [NodeJS.ErrnoException];
  expect(error.code).toBe("ECONNREFUSED");
});

test("without the private keyring it opens nothing, and spends nothing", async () => {
  const { RECOVER_PRIVATE_KEYRING: _, ...env } = office.requester.env;
  await approve();
  const before = await auditActions(office);
  const { visit, child } = await start(env);
  const page = await (await visit.get(`/grants/${grant}`)).text();
  const assertion = /name="assertion" value="([0-9a-f]{64})"/.exec(page)?.[1] ?? "";
  const answer = await visit.post(`/grants/${grant}/open`, { assertion, records: "" });
  expect(answer.status).toBe(400);
  expect(await auditActions(office)).toEqual(before);
  // What is in hand is answered, and the process ends well.
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("whose key is retired may do nothing from then on, and starts none", async () => {
  const text = await changeKeys(office.approver, {}, "retired");
  const page = await adam.visit.get(`/grants/${grant}`);
  const none = await runRecover(["console"], office.approver.env);
  await writeFile(keyringPath(), text);
  expect(await page.text()).toContain("Your signing key is not in the recover keyring.");
  expect(page.status).toBe(400);
  expect(none).toMatchObject({ code: 2, stdout: "" });
});

test("once an answer was sent, no opened value is reachable in the process, and no page with one", async () => {
  await approve();
  const opened = await (await open()).text();
  expect(opened).toContain(secret.ip);
  expect(opened.indexOf("<title>Opened")).toBeGreaterThan(0);
  rita.child.send(join(office.directory, "after.heapsnapshot"));
  const [{ held, path }] = (await once(rita.child, "message")) as [{ held: string; path: string }];
  const snapshot = await readFile(path, "utf8");
  expect(snapshot).toContain(held);
  // Of a longer text a snapshot has the first 1,024 characters: of a page its title.
  expect([secret.ip, "<title>Opened"].filter((text) => snapshot.includes(text))).toEqual([]);
});
