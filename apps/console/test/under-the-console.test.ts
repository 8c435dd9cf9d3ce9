/** What the console does when keyring, database or load change under it, between two requests of a page. */

import { once } from "node:events";
import { connect } from "node:net";
import { type Authenticator, createAuthenticator } from "@org/local";
import { passkeyEntry, type RecoverKeyringJson } from "@org/recovery";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { ask, askApproved, auditActions } from "../../recover/test/office.ts";
import { type OpenConsole, openConsole, subOf } from "./open-console.ts";
import { openVisit, type Visit } from "./visit.ts";

const secret = { ip: "203.0.113.77" };

let opened: OpenConsole;
let rita: Visit;
let adam: Visit;
let passkey: Authenticator;
let keyring: RecoverKeyringJson;

beforeAll(async () => {
  opened = await openConsole({
    env: {
      MASKLINE_PROFILE: "production",
      MASKLINE_ALLOW: "file_sink,inline_keys,plain_database,logged_parameters",
    },
  });
  const { requester, approver } = opened.office;
  passkey = createAuthenticator({ rpId: "localhost", origin: opened.origin });
  await opened.enrol(requester.login, passkeyEntry(passkey));
  await opened.changeKeyring((current) => (keyring = current));
  rita = await signedIn(requester.login);
  adam = await signedIn(approver.login);
});

/** As it was: a test changes it. */
afterEach(async () => {
  vi.useRealTimers();
  await opened.changeKeyring(() => keyring);
});

afterAll(() => opened[Symbol.asyncDispose]());

async function signedIn(login: string): Promise<Visit> {
  const visit = openVisit(opened.origin);
  await visit.signIn(subOf(login));
  return visit;
}

const argvOf = (record: string): string[] => ["unmask", "--field", "ip", "--record", record];

async function askedFor(how: typeof ask): Promise<string> {
  const [record = ""] = await opened.office.write([secret]);
  return how(opened.office.requester, argvOf(record));
}

const approved = (): Promise<string> =>
  askedFor((person, argv) => askApproved(opened.office, person, argv));

/** The form of the page, answered by rita's passkey. */
async function answerFor(grant: string): Promise<Record<string, string>> {
  const page = (await (await rita.get(`/grants/${grant}`)).text()).replaceAll("&quot;", '"');
  const challenge = Buffer.from(/"challenge":"([\w-]+)"/.exec(page)?.[1] ?? "", "base64url");
  const answer = Object.entries(passkey.assert(challenge)).map(
    ([name, bytes]: [string, Uint8Array]) => [name, Buffer.from(bytes).toString("base64url")],
  );
  const assertion = { id: passkey.credentialId, response: Object.fromEntries(answer) };
  return { assertion: JSON.stringify(assertion), records: "" };
}

async function open(grant: string, answer: Record<string, string>): Promise<unknown> {
  const response = await rita.post(`/grants/${grant}/open`, answer);
  return { status: response.status, shows: (await response.text()).includes(secret.ip) };
}

const consoleKeys = (change: (keys: RecoverKeyringJson["operators"][number]["keys"]) => unknown) =>
  opened.changeKeyring((current) => ({
    ...current,
    operators: current.operators.map((operator) =>
      operator.login === opened.login
        ? { ...operator, keys: change(operator.keys) as typeof operator.keys }
        : operator,
    ),
  }));

test.each([
  ["is retired", () => consoleKeys((keys) => keys.map((key) => ({ ...key, state: "retired" })))],
  ["is taken out of the keyring", () => consoleKeys(() => [])],
])(
  "nothing is opened from when the console's key %s: no checkpoint would count",
  async (_, change) => {
    const grant = await approved();
    const answer = await answerFor(grant);
    const before = await auditActions(opened.office);
    await change();
    expect(await open(grant, answer)).toEqual({ status: 503, shows: false });
    expect(await auditActions(opened.office)).toEqual(before);
    await opened.changeKeyring(() => keyring);
    expect(await open(grant, await answerFor(grant))).toEqual({ status: 200, shows: true });
  },
);

test("nothing is opened from when the keyring has what production refuses", async () => {
  const grant = await approved();
  const answer = await answerFor(grant);
  await opened.changeKeyring((current) => ({ ...current, approvals: [{ above: 0, required: 1 }] }));
  expect(await open(grant, answer)).toEqual({ status: 400, shows: false });
});

test("a database that answers with another grant than was asked for has nothing opened or decided", async () => {
  const { admin, approver } = opened.office;
  const grant = await approved();
  const other = await approved();
  const answer = await answerFor(grant);
  const [row] = await admin("SELECT pg_get_functiondef('recovery.show_grant'::regproc) AS text");
  await admin(`CREATE OR REPLACE FUNCTION recovery.show_grant(p_grant uuid) RETURNS jsonb
    LANGUAGE sql SECURITY DEFINER AS $lie$
      SELECT recovery.describe(access_grant) FROM recovery.access_grant WHERE id = '${other}' $lie$`);
  const before = await auditActions(opened.office);
  const page = await rita.get(`/grants/${grant}`);
  const done = await open(grant, answer);
  const told = await approver.recover(["approve", grant, "--yes"]);
  await admin(String(row?.["text"]));
  expect(page.status).toBe(409);
  expect(done).toEqual({ status: 409, shows: false });
  expect(told.code).toBe(30);
  expect(await auditActions(opened.office)).toEqual(before);
});

test("whatever the database says turns no text around on a page", async () => {
  const { admin } = opened.office;
  const grant = await askedFor(ask);
  await admin("UPDATE recovery.access_grant SET fields = ARRAY[$2] WHERE id = $1", [
    grant,
    "ip\u202Ekcatta",
  ]);
  const [row] = await admin("SELECT pg_get_functiondef('recovery.show_grant'::regproc) AS text");
  await admin(`CREATE OR REPLACE FUNCTION recovery.show_grant(p_grant uuid) RETURNS jsonb
    LANGUAGE sql SECURITY DEFINER AS $lie$
      SELECT recovery.describe(access_grant) || jsonb_build_object('createdAt', told, 'digest', told)
      FROM recovery.access_grant, (SELECT 'x' || chr(8238) || 'y' AS told) AS lie WHERE id = p_grant $lie$`);
  const pages = [await adam.get("/"), await adam.get(`/grants/${grant}`)];
  await admin(String(row?.["text"]));
  for (const page of pages) {
    const text = await page.text();
    expect(text).toContain(grant);
    expect(text).toContain("\\u202e");
    expect(text).not.toContain("\u202E");
  }
});

test("an answer of a passkey's is for the session that asked", async () => {
  const grant = await approved();
  const answer = await answerFor(grant);
  const again = await signedIn(opened.office.requester.login);
  await again.get(`/grants/${grant}`);
  const elsewhere = await again.post(`/grants/${grant}/open`, answer);
  expect(elsewhere.status).toBe(403);
  expect(await open(grant, answer)).toEqual({ status: 200, shows: true });
});

test("who asks for much at once keeps nobody else waiting", async () => {
  const { admin } = opened.office;
  const grant = await askedFor(ask);
  await admin("BEGIN");
  await admin("SELECT FROM recovery.audit_head FOR UPDATE");
  const asked = Array.from({ length: 12 }, () => rita.post(`/grants/${grant}/revoke`));
  const statuses = async (): Promise<number[]> =>
    (await Promise.all(asked)).map(({ status }) => status);
  const [refused, page] = await Promise.all([Promise.any(asked), adam.get("/")]);
  await admin("ROLLBACK");
  expect(refused.status).toBe(429);
  expect(page.status).toBe(200);
  expect((await statuses()).filter((status) => status === 303)).toHaveLength(1);
});

test("of whoever has no session no body is waited for", async () => {
  const { port, host } = new URL(opened.origin);
  const socket = connect(Number(port), "localhost");
  const head = [
    "POST /sign-out HTTP/1.1",
    `Host: ${host}`,
    `Origin: ${opened.origin}`,
    "Content-Type: application/x-www-form-urlencoded",
    "Transfer-Encoding: chunked",
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\nb\r\nform_token=\r\n`);
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  expect(answer.toString()).toMatch(/^HTTP\/1.1 403 /);
});

test("of six hundred connections at once, five hundred are kept", async () => {
  const { port } = new URL(opened.origin);
  const sockets = Array.from({ length: 600 }, () => connect(Number(port), "localhost"));
  let openSockets = sockets.length;
  for (const socket of sockets) {
    socket
      .on("error", () => {})
      .on("close", () => (openSockets -= 1))
      .resume();
  }
  await expect.poll(() => openSockets, { timeout: 8_000 }).toBeLessThanOrEqual(500);
  for (const socket of sockets) socket.destroy();
});

test("a connection has one answer, however many requests it sends in a row", async () => {
  const { port, host } = new URL(opened.origin);
  const before = opened.logged().length;
  const socket = connect(Number(port), "localhost");
  socket.on("error", () => {}).resume();
  socket.write(`GET /static/console.css HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(1_000));
  await once(socket, "close");
  await adam.get("/live");
  const answered = opened.logged().slice(before).split('"answered"').length - 1;
  expect(answered).toBe(2);
});

test("a form that breaks off is no fault of the console's", async () => {
  const { port, host } = new URL(opened.origin);
  const before = opened.logged().length;
  const socket = connect(Number(port), "localhost");
  const head = [
    "POST /sign-out HTTP/1.1",
    `Host: ${host}`,
    `Cookie: session=${rita.cookies.get("session")}`,
    `Origin: ${opened.origin}`,
    "Content-Type: application/x-www-form-urlencoded",
  ];
  socket.on("error", () => {});
  socket.end(`${head.join("\r\n")}\r\nContent-Length: 100\r\n\r\nform_token=`);
  const said = (): string => opened.logged().slice(before);
  await expect.poll(said, { timeout: 20_000 }).toContain('"answered"');
  expect(said()).not.toContain("unexpected fault");
});

test("where nobody said where the consumers are, no page leads to them, and theirs says what to set", async () => {
  const page = await (await rita.get("/pipeline")).text();
  expect(page).toContain("CONSOLE_CONSUMERS");
  expect(page).not.toContain('href="/pipeline"');
});

test("it is ready while keyring, contract and database answer, and tells whoever asks no more", async () => {
  const { admin } = opened.office;
  // A probe knows an address, and no name.
  const address = opened.origin.replace("localhost", "127.0.0.1");
  vi.useFakeTimers({ toFake: ["performance"], shouldAdvanceTime: true });
  const answerLater = async (): Promise<string> => {
    vi.advanceTimersByTime(60_000);
    const response = await fetch(`${address}/ready`);
    return `${response.status} ${await response.text()}`;
  };
  expect(await answerLater()).toBe("200 ok\n");
  await consoleKeys(() => []);
  expect(await answerLater()).toBe("503 unavailable\n");
  await opened.changeKeyring(() => keyring);
  await admin("UPDATE maskline.contract SET name = 'another' WHERE name = 'login'");
  expect(await answerLater()).toBe("503 unavailable\n");
  await admin("UPDATE maskline.contract SET name = 'login' WHERE name = 'another'");
  await admin("REVOKE USAGE ON SCHEMA recovery FROM maskline_console");
  expect(await answerLater()).toBe("503 unavailable\n");
  await admin("GRANT USAGE ON SCHEMA recovery TO maskline_console");
  expect(await answerLater()).toBe("200 ok\n");
});
