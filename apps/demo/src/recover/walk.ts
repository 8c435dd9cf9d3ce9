/** The walk: what governed recovery promises, shown with the commands that people type. */
import { type ChosenContract, execute } from "@org/local";
import { sampleMessages } from "@org/schema";
import { consume } from "../consume.ts";
import { type Stack, startStack } from "../stack.ts";
import { type Cast, hire } from "./cast.ts";
import { keepCopy, openableFromCopy } from "./evidence.ts";
import { type Person, type Say, UnexpectedEnd } from "./person.ts";
import { chooseSubject, type Subject } from "./subject.ts";

const messageCount = 300;
const denied = 3;
const tampering = 30;

export async function walk(
  chosen: ChosenContract,
  { say, signal }: { readonly say: Say; readonly signal: AbortSignal },
): Promise<void> {
  const { contract } = chosen;
  say("Starting PostgreSQL and SQS, and consuming sample messages with the vault on …");
  await using stack = await startStack({ ...chosen, forgottenDeletes: 0, signal });
  const samples = sampleMessages(contract, { count: messageCount, seed: 4 });
  const messageIds = await stack.queue.send(
    stack.queueUrl,
    samples.map(({ body }) => body),
  );
  await consume(stack, { signal, onProgress: () => {} });

  say("\n1. The people: rita asks, adam approves, carla erases, otto audits.");
  say("   Each has a login in Postgres and a signing key of their own.");
  const cast = await hire(stack, say);
  const subject = chooseSubject(contract, samples, messageIds);

  const scene = { stack, cast, subject, say };
  signal.throwIfAborted();
  await showUnmask(scene);
  signal.throwIfAborted();
  await showLookup(scene);
  signal.throwIfAborted();
  await showTampering(scene);
  signal.throwIfAborted();
  await showErasure(scene);
  say(
    "\nShown: a request, a refused self-approval, an approval by another, unmask, lookup, a verified audit, tampering found, erasure proved.",
  );
}

interface Scene {
  readonly stack: Stack;
  readonly cast: Cast;
  readonly subject: Subject;
  readonly say: Say;
}

async function showUnmask({ cast: { rita, adam }, subject, say }: Scene): Promise<void> {
  say("\n2. rita asks for one person's originals. She may approve grants, but not her own.");
  const grant = await request(rita, [
    "unmask",
    "--field",
    ...Object.keys(subject.originals),
    "--subject",
    subject.value,
    ...reason("fraud", "SEC-4711", "Account takeover, see the ticket"),
  ]);
  await rita.type(["unmask", "--grant", grant, "--print"], { exitCode: denied });
  await rita.type(["approve", grant], { exitCode: denied });

  say(
    "\n3. adam approves; his signature covers every term and the records. A grant shows a subject as a",
  );
  say("   hash: he holds the one of the ticket against it.");
  await adam.type(["approve", grant, "--subject", subject.stranger], { exitCode: denied });
  await adam.type(["approve", grant, "--subject", subject.value], { exitCode: 0 });
  const { stdout } = await rita.type(["unmask", "--grant", grant, "--print"], { exitCode: 0 });
  const isOpened = Object.values(subject.originals).every((value) => stdout.includes(value));
  if (!isOpened || !/ match$/m.test(stdout)) {
    throw new UnexpectedEnd("What was opened is not what was sent, or does not fit its tokens.");
  }
  await rita.type(["unmask", "--grant", grant, "--print"], { exitCode: denied });
}

async function showLookup({ cast: { rita, adam }, subject, say }: Scene): Promise<void> {
  const [field = "", value = ""] = Object.entries(subject.originals)[0] ?? [];
  say(
    "\n4. The other way round: which records have this value? It takes a grant too, and the records",
  );
  say("   stay masked. (In practice, type the value, or redirect a file: see lookup --help.)");
  const terms = [
    "lookup",
    "--field",
    field,
    ...reason("fraud", "SEC-4711", "Who else has the same"),
  ];
  const grant = await request(rita, terms, value);
  await adam.type(["approve", grant, "--value", value], { exitCode: 0 });
  await rita.type(["lookup", "--grant", grant, "--field", field], {
    exitCode: 0,
    stdin: value,
  });
}

async function showTampering({ stack, cast: { otto }, say }: Scene): Promise<void> {
  say("\n5. otto reads the audit, and verifies it against the checkpoints outside the database.");
  await otto.type(["audit", "list", "--limit", "6"], { exitCode: 0 });
  await otto.type(["audit", "verify"], { exitCode: 0 });

  say("\n6. A superuser changes who asked. No right in the database stops a superuser:");
  const change = (from: string, to: string): Promise<void> =>
    sql(
      stack,
      say,
      `UPDATE recovery.audit SET actor = '${to}' WHERE seq = 1 AND actor = '${from}'`,
    );
  await change("rita", "nobody");
  await otto.type(["audit", "verify"], { exitCode: tampering });
  say("\n   (The superuser puts it back, so that the walk can go on.)");
  await change("nobody", "rita");
  await otto.type(["audit", "verify"], { exitCode: 0 });
}

async function showErasure({ stack, cast, subject, say }: Scene): Promise<void> {
  const { rita, adam, carla } = cast;
  say(
    "\n7. The person asks to be erased. First, somebody steals the ciphertext and the batch keys:",
  );
  const copied = await keepCopy(stack, subject);
  say(
    `   copied ${copied.length} sealed record(s); with the private key and their seeds all would open.`,
  );
  const grant = await request(carla, [
    "erase",
    "--subject",
    subject.value,
    ...reason("subject-request", "GDPR-12", "Erasure request"),
  ]);
  await adam.type(["approve", grant], { exitCode: 0 });
  await carla.type(["erase", "--grant", grant, "--subject", subject.value], { exitCode: 0 });

  say("\n8. Afterwards nothing opens: not by a fresh, approved grant, and not from the copy.");
  const again = await request(rita, [
    "unmask",
    "--field",
    ...Object.keys(subject.originals),
    "--record",
    ...copied,
    ...reason("fraud", "SEC-4711", "Asked once more"),
  ]);
  await adam.type(["approve", again], { exitCode: 0, quiet: true });
  const { stderr } = await rita.type(["unmask", "--grant", again, "--print"], { exitCode: 0 });
  const openable = await openableFromCopy(stack);
  say(`\n   Of the ${copied.length} copied record(s), ${openable} still have a seed.`);
  if (!stderr.includes("Opened 0 record(s)") || openable > 0) {
    throw new UnexpectedEnd("Something could still be opened.");
  }
}

async function request(person: Person, args: readonly string[], stdin = ""): Promise<string> {
  const { stdout } = await person.type(["request", ...args], {
    exitCode: 0,
    ...(stdin !== "" && { stdin }),
  });
  const grant = /recover approve ([0-9a-f-]{36})/.exec(stdout)?.[1];
  if (grant === undefined) throw new UnexpectedEnd("The request named no grant.");
  return grant;
}

function reason(purpose: string, ticket: string, justification: string): string[] {
  return ["--purpose", purpose, "--ticket", ticket, "--justification", justification];
}

async function sql(stack: Stack, say: Say, statement: string): Promise<void> {
  say(`\n  postgres=# ${statement};`);
  await execute(stack.adminUrl, [statement]);
}
