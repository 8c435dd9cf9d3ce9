/** The console, on a stack of its own, with people and a request that waits. */
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ChosenContract, createLogin, execute, freePort } from "@org/local";
import { sampleMessages } from "@org/schema";
import { runCommand } from "../commands.ts";
import { consume } from "../consume.ts";
import { hire } from "../recover/cast.ts";
import type { Say } from "../recover/person.ts";
import { chooseSubject } from "../recover/subject.ts";
import { type Stack, startStack } from "../stack.ts";
import { startIdentityProvider } from "./identity-provider.ts";
import { serveKeyring } from "./keyring-page.ts";

const messageCount = 300;
const sentASecond = 20;
const duties = { rita: "asks, and opens", adam: "approves", otto: "audits" };
const people = Object.keys(duties);
const clientId = "console";

/** Runs until the signal aborts. */
export async function showConsole(
  chosen: ChosenContract,
  { say, signal }: { readonly say: Say; readonly signal: AbortSignal },
): Promise<void> {
  say("Starting PostgreSQL and SQS, and consuming sample messages with the vault on …");
  await using stack = await startStack({ ...chosen, forgottenDeletes: 0, signal });
  const samples = sampleMessages(chosen.contract, { count: messageCount, seed: 4 });
  const bodies = samples.map(({ body }) => body);
  const messageIds = await stack.queue.send(stack.queueUrl, bodies);
  await consume(stack, { signal, onProgress: () => {} });
  const subject = chooseSubject(chosen.contract, samples, messageIds);

  const { rita } = await hire(stack, () => {});
  const fields = Object.keys(subject.originals);
  const ticket = ["--purpose", "fraud", "--ticket", "SEC-4711"];
  const why = [...ticket, "--justification", "Account takeover, see the ticket"];
  await rita.type(["request", "unmask", "--field", ...fields, "--subject", subject.value, ...why], {
    exitCode: 0,
    quiet: true,
  });

  const [port, providerPort] = [await freePort(), await freePort()];
  const origin = `http://localhost:${port}`;
  const keyringFile = join(stack.directory, "recover.keyring.json");
  const clientSecret = randomBytes(16).toString("hex");
  await using provider = await startIdentityProvider({
    port: providerPort,
    people,
    duties,
    clientId,
    clientSecret,
    redirectUri: `${origin}/signed-in`,
    serve: serveKeyring({ origin, people, directory: stack.directory, keyringFile, signal }),
  });
  const { issuer } = provider;
  const consumerPort = await freePort();
  const env = {
    ...(await prepareConsole(stack, { keyringFile, issuer, signal })),
    CONSOLE_ORIGIN: origin,
    CONSOLE_ISSUER: issuer,
    CONSOLE_CLIENT_ID: clientId,
    CONSOLE_CLIENT_SECRET: clientSecret,
    CONSOLE_CONSUMERS: `http://127.0.0.1:${consumerPort}/metrics`,
    PORT: String(port),
  };
  const logFile = join(stack.directory, "console.log");
  // Who is asked for has few records: more than a hundred would take a second approval.
  const others = bodies.filter((_, at) => !subject.messageIds.includes(messageIds[at] ?? ""));
  const consuming = goOn(stack, { port: consumerPort, bodies: others, signal });
  await Promise.race([consuming, untilLive(`http://127.0.0.1:${consumerPort}/live`, signal)]);
  const running = Promise.race([consuming, runCommand({ name: "console", env, logFile }, signal)]);
  await Promise.race([running, untilLive(`${origin}/live`, signal)]);
  say(`
The console: ${origin}

Once, for adam and for rita, each in a browser or private window of their own: sign in, make a passkey
on the page Passkey, copy its entry, and add it at ${issuer}/keyring

  1. As rita, ask for access: tick ${fields.join(" or ")}, and give as subject ${subject.value}
     (or leave it at her request with ticket SEC-4711, which is about the same person, and waits)
  2. As adam, choose the request under "For you to decide", compare it with that subject, and approve.
  3. As rita, choose it under "For you to open", and open the values.
  4. Sign in as otto, and verify the audit.
  5. The page Pipeline shows what a consumer does with the messages that go on coming.

Ctrl-C ends it, and leaves nothing behind.`);
  await running;
}

/** A consumer, and some messages a second for it. */
async function goOn(
  { queue, queueUrl, consumerEnv, directory }: Stack,
  {
    port,
    bodies,
    signal,
  }: { readonly port: number; readonly bodies: readonly string[]; readonly signal: AbortSignal },
): Promise<void> {
  const env = { ...consumerEnv, PORT: String(port) };
  const logFile = join(directory, "consumer.log");
  const consuming = runCommand({ name: "consumer", env, logFile }, signal);
  const sending = (async () => {
    for (let at = 0; !signal.aborted; at += sentASecond) {
      const from = at % (bodies.length - sentASecond);
      await queue.send(queueUrl, bodies.slice(from, from + sentASecond));
      await sleep(1_000, undefined, { signal });
    }
  })();
  await Promise.race([consuming, sending]);
}

async function prepareConsole(
  stack: Stack,
  options: {
    readonly keyringFile: string;
    readonly issuer: string;
    readonly signal: AbortSignal;
  },
): Promise<Record<string, string>> {
  const { keyringFile, issuer, signal } = options;
  const { adminUrl, directory, consumerEnv } = stack;
  const url = await createLogin(adminUrl, { name: "console", memberOf: "maskline_console" });
  await execute(
    adminUrl,
    people.map((person) => `GRANT ${person} TO console WITH INHERIT FALSE`),
  );
  const key = join(directory, "console.pem");
  const signer = ["keys", "signer", "--login", "console", "--key", key, "--duty", "witness"];
  const args = [...signer, "--keyring", keyringFile];
  const logFile = join(directory, "keys.log");
  await runCommand({ name: "recover", args, env: {}, logFile }, signal);
  await nameSubjects(keyringFile, issuer);
  return {
    CONSOLE_DATABASE_URL: url,
    RECOVER_KEYRING: keyringFile,
    RECOVER_PRIVATE_KEYRING: stack.privateKeyringFile,
    RECOVER_SIGNING_KEY: key,
    MASKLINE_KEYRING: consumerEnv["MASKLINE_KEYRING"] ?? "",
    MASKLINE_CONTRACT: consumerEnv["MASKLINE_CONTRACT"] ?? "",
  };
}

/** At the demo's provider, people are called as in Postgres. */
async function nameSubjects(keyringFile: string, issuer: string): Promise<void> {
  const keyring = JSON.parse(await readFile(keyringFile, "utf8")) as {
    operators: { login: string }[];
  };
  const operators = keyring.operators.map((operator) =>
    people.some((person) => person === operator.login)
      ? { ...operator, subject: { issuer, sub: operator.login } }
      : operator,
  );
  await writeFile(keyringFile, `${JSON.stringify({ ...keyring, operators }, null, 2)}\n`);
}

async function untilLive(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const isLive = await fetch(url, { signal }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isLive) return;
    await sleep(100, undefined, { signal });
  }
}
